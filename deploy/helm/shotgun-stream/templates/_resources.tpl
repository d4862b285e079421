{{- /* What containers ask for and may take. */ -}}

{{- /*
No container asks for more than it may take, which the API server would refuse: (dict "resources" dict "where" "producer").
Most often only the request is the user's, and the limit a default.
*/ -}}
{{- define "shotgun-stream.guardResources" -}}
{{- $limits := default dict (default dict .resources).limits -}}
{{- range $name, $request := (default dict (default dict .resources).requests) -}}
{{- $limit := get $limits $name -}}
{{- if and (hasKey $limits $name) (not (kindIs "invalid" $limit)) (not (kindIs "invalid" $request)) -}}
{{- $wanted := include "shotgun-stream.quantity" (dict "value" $request "where" (printf "%s.requests.%s" $.where $name)) | float64 -}}
{{- $most := include "shotgun-stream.quantity" (dict "value" $limit "where" (printf "%s.limits.%s" $.where $name)) | float64 -}}
{{- if gt $wanted $most -}}
{{- fail (printf "%s.requests.%s is %v, more than %s.limits.%s, which is %v (the chart's default where you set none); raise that too, or set it to null for no limit" $.where $name $request $.where $name $limit) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* The number that a quantity such as 500m, 256Mi or 1e3 stands for: (dict "value" "256Mi" "where" "..."). */ -}}
{{- define "shotgun-stream.quantity" -}}
{{- $text := toString .value -}}
{{- if not (regexMatch "^([0-9]+[.]?[0-9]*|[.][0-9]+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]+)?$" $text) -}}
{{- fail (printf "%s is %q, which is no quantity; write for example 500m or 256Mi" .where $text) -}}
{{- end -}}
{{- $unit := regexFind "[numkMGTPE]i?$" $text -}}
{{- $units := dict "n" 1e-9 "u" 1e-6 "m" 1e-3 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "P" 1e15 "E" 1e18 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 "Pi" 1125899906842624 "Ei" 1152921504606846976 -}}
{{- if $unit -}}
{{- mulf (trimSuffix $unit $text | float64) (get $units $unit) -}}
{{- else -}}
{{- float64 $text -}}
{{- end -}}
{{- end -}}
