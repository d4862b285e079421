{{- /*
Seconds, rounded up, of a duration as the services read it: 30s, 1m30s, 500ms, 45: (dict "value" "30s" "where" "...").
*/ -}}
{{- define "shotgun-stream.seconds" -}}
{{- $text := toString .value | lower | nospace -}}
{{- $seconds := 0.0 -}}
{{- if regexMatch "^[0-9]+([.][0-9]+)?$" $text -}}
{{- $seconds = float64 $text -}}
{{- else if regexMatch "^([0-9]+([.][0-9]+)?(ms|s|m|h|d))+$" $text -}}
{{- range regexFindAll "[0-9.]+(ms|s|m|h|d)" $text -1 -}}
{{- $number := regexFind "^[0-9.]+" . | float64 -}}
{{- $unit := regexFind "[a-z]+$" . -}}
{{- $seconds = addf $seconds (mulf $number (get (dict "ms" 0.001 "s" 1.0 "m" 60.0 "h" 3600.0 "d" 86400.0) $unit)) -}}
{{- end -}}
{{- else -}}
{{- fail (printf "%s is %q, which is no duration; write for example 30s or 1m30s" .where $text) -}}
{{- end -}}
{{- ceil $seconds | int -}}
{{- end -}}

{{- /*
How long a pod may take to end: (dict "workload" $w "config" $config). config.shutdown_timeout is what the service gives
its own work; 5 s after it the consumer ends itself, whatever hangs. 10 s are for the container's start and end.
*/ -}}
{{- define "shotgun-stream.gracePeriod" -}}
{{- $given := index .workload.values "terminationGracePeriodSeconds" -}}
{{- $where := printf "%s.config.shutdown_timeout" .workload.where -}}
{{- $drain := include "shotgun-stream.seconds" (dict "value" (default "30s" .config.shutdown_timeout) "where" $where) | int -}}
{{- if or (lt $drain 1) (gt $drain 3600) -}}
{{- fail (printf "%s is %v, but the service takes more than nothing and at most an hour; set it to a time such as 30s or 10m" $where .config.shutdown_timeout) -}}
{{- end -}}
{{- $least := add $drain 5 | int -}}
{{- if kindIs "invalid" $given -}}
{{- add $least 10 -}}
{{- else if lt (int $given) $least -}}
{{- fail (printf "%s.terminationGracePeriodSeconds is %d, but the service may take %d s for a clean stop (shutdown_timeout and 5 s); leave it out, or lower %s" .workload.where (int $given) $least $where) -}}
{{- else -}}
{{- int $given -}}
{{- end -}}
{{- end -}}
