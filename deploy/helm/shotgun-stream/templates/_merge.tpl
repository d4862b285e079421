{{- /* Merging of values. */ -}}

{{- /*
Lays a mapping over another one, in place: (list $below $above). Lists and plain values replace what is below, and null
takes it away.
*/ -}}
{{- define "shotgun-stream.layOver" -}}
{{- $below := index . 0 -}}
{{- range $key, $value := (index . 1) -}}
{{- if kindIs "invalid" $value -}}
{{- $_ := unset $below $key -}}
{{- else if kindIs "map" $value -}}
{{- if not (kindIs "map" (get $below $key)) }}{{ $_ := set $below $key dict }}{{ end -}}
{{- include "shotgun-stream.layOver" (list (get $below $key) $value) -}}
{{- else -}}
{{- $_ := set $below $key (deepCopy $value) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /*
Two lists of mappings as one, in which each value of a key stands once: (dict "key" "name" "ours" list "theirs" list).
Theirs count. JSON.
*/ -}}
{{- define "shotgun-stream.joined" -}}
{{- $key := .key -}}
{{- $theirs := dict -}}
{{- $order := list -}}
{{- range (default list .theirs) -}}
{{- $name := get . $key | toString | trimSuffix "/" -}}
{{- if not (hasKey $theirs $name) }}{{ $order = append $order $name }}{{ end -}}
{{- $_ := set $theirs $name . -}}
{{- end -}}
{{- $joined := list -}}
{{- range (default list .ours) -}}
{{- if not (hasKey $theirs (get . $key | toString | trimSuffix "/")) }}{{ $joined = append $joined . }}{{ end -}}
{{- end -}}
{{- range $order }}{{ $joined = append $joined (get $theirs .) }}{{ end -}}
{{- toJson $joined -}}
{{- end -}}
