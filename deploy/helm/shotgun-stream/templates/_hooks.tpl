{{- /* Annotations of what runs before the release, and is gone after it: (dict "root" $ "weight" "-5"). */ -}}
{{- define "shotgun-stream.hook" -}}
{{- $annotations := deepCopy (default dict .root.Values.commonAnnotations) -}}
{{- $_ := set $annotations "helm.sh/hook" "pre-install,pre-upgrade" -}}
{{- $_ := set $annotations "helm.sh/hook-weight" .weight -}}
{{- $_ := set $annotations "helm.sh/hook-delete-policy" "before-hook-creation,hook-succeeded" -}}
{{- toYaml $annotations -}}
{{- end -}}
