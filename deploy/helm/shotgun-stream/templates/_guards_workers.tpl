{{- /* Workers share a team's plugins without sharing a plugin: (dict "root" $ "key" "anim" "team" (dict ..)). */ -}}
{{- define "shotgun-stream.guardWorkers" -}}
{{- $key := .key -}}
{{- $merged := dict -}}
{{- include "shotgun-stream.layOver" (list $merged .root.Values.teamDefaults) -}}
{{- include "shotgun-stream.layOver" (list $merged .team) -}}
{{- $before := dict -}}
{{- range $worker, $own := $merged.workers -}}
{{- $only := (default dict $own).only -}}
{{- if not $only -}}
{{- fail (printf "teams.%s.workers.%s.only is missing: a worker that runs all plugins would take events from the others; list the plugins or patterns that it runs" $key $worker) -}}
{{- end -}}
{{- range $pattern := $only -}}
{{- range $other, $theirs := $before -}}
{{- range $their := $theirs -}}
{{- if include "shotgun-stream.overlap" (list $pattern $their) -}}
{{- fail (printf "teams.%s.workers: %s has %q and %s has %q, and a plugin whose name matches both would be run by both; make the patterns disjoint" $key $other $their $worker $pattern) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $_ := set $before $worker $only -}}
{{- end -}}
{{- end -}}
