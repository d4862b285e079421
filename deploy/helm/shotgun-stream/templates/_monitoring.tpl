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
relabelings:
  # The alerts tell teams and pods apart by these.
  - {action: replace, sourceLabels: [__meta_kubernetes_pod_label_shotgun_stream_team], targetLabel: team}
  - {action: replace, sourceLabels: [__meta_kubernetes_pod_name], targetLabel: pod}
  {{- with .relabelings }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .metricRelabelings }}
metricRelabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- /* The rule groups that are wanted, or all: (dict "root" $ "wanted" list "runbookUrl" "https://..."). */ -}}
{{- define "shotgun-stream.ruleGroups" -}}
{{- $all := (include "shotgun-stream.file" (list .root "files/rules.yaml") | fromYaml).groups -}}
{{- $names := list -}}
{{- range $all }}{{ $names = append $names .name }}{{ end -}}
{{- range .wanted -}}
{{- if not (has . $names) }}{{ fail (printf "monitoring.rules.groups has %q, which is no group of rules; there are %s" . (join ", " $names)) }}{{ end -}}
{{- end -}}
{{- range $all -}}
{{- if or (not $.wanted) (has .name $.wanted) }}
{{ toYaml (list .) | replace "runbook_url: docs/runbook.md" (printf "runbook_url: %s" (default "docs/runbook.md" $.runbookUrl)) }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* A file of the chart, which must be there: (list $ "files/rules.yaml"). */ -}}
{{- define "shotgun-stream.file" -}}
{{- $text := (index . 0).Files.Get (index . 1) -}}
{{- if not $text }}{{ fail (printf "the chart holds no %s, so it was not packaged as a whole; take a released chart, or the whole repository" (index . 1)) }}{{ end -}}
{{- $text -}}
{{- end -}}
