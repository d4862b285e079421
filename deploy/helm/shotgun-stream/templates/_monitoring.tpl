{{- /* What Prometheus needs. */ -}}

{{- /* The services' pods, and neither those of tests nor of hooks. */ -}}
{{- define "shotgun-stream.monitored" -}}
matchLabels:
  {{- include "shotgun-stream.releaseLabels" . | nindent 2 }}
matchExpressions:
  - {key: app.kubernetes.io/component, operator: In, values: [producer, consumer]}
{{- end -}}

{{- define "shotgun-stream.scrape" -}}
interval: {{ .interval }}
scrapeTimeout: {{ .scrapeTimeout }}
{{- with .relabelings }}
relabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .metricRelabelings }}
metricRelabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- /* A file of the chart, which must be there: (list $ "files/rules.yaml"). */ -}}
{{- define "shotgun-stream.file" -}}
{{- $text := (index . 0).Files.Get (index . 1) -}}
{{- if not $text }}{{ fail (printf "the chart holds no %s, so it was not packaged as a whole; take a released chart, or the whole repository" (index . 1)) }}{{ end -}}
{{- $text -}}
{{- end -}}
