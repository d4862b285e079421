{{- /* Patterns of plugins' names, as the services read them: * any text, ? any character, [a-m] or [!a-m] one of a set. */ -}}

{{- /* Whether a name matches a pattern: (list "a*" "ab"). */ -}}
{{- define "shotgun-stream.matches" -}}
{{- $regex := index . 0 | replace "." "[.]" | replace "*" ".*" | replace "?" "." | replace "[!" "[^" -}}
{{- if regexMatch (printf "^%s$" $regex) (index . 1) }}true{{ end -}}
{{- end -}}

{{- /* Whether some name matches both patterns: (list "a*" "*b"). */ -}}
{{- define "shotgun-stream.overlap" -}}
{{- $token := "\\[!?\\]?[^\\]]*\\]|." -}}
{{- include "shotgun-stream.overlapFrom" (dict "one" (regexFindAll $token (index . 0) -1) "other" (regexFindAll $token (index . 1) -1) "at" 0 "otherAt" 0 "seen" dict) -}}
{{- end -}}

{{- /* The same from a place in each on; `seen` holds the pairs of places from which it was tried in vain. */ -}}
{{- define "shotgun-stream.overlapFrom" -}}
{{- $pair := printf "%d %d" .at .otherAt -}}
{{- if not (hasKey .seen $pair) -}}
{{- $_ := set .seen $pair true -}}
{{- $one := "" }}{{ if lt .at (len .one) }}{{ $one = index .one .at }}{{ end -}}
{{- $other := "" }}{{ if lt .otherAt (len .other) }}{{ $other = index .other .otherAt }}{{ end -}}
{{- $next := dict "one" .one "other" .other "seen" .seen -}}
{{- if or (eq $one "*") (eq $other "*") -}}
{{- /* A star stands for nothing more, or for what comes next in the other pattern. */ -}}
{{- $met := "" -}}
{{- if $one }}{{ $met = include "shotgun-stream.overlapFrom" (merge (dict "at" (add1 .at | int) "otherAt" .otherAt) $next) }}{{ end -}}
{{- if and $other (not $met) }}{{ $met = include "shotgun-stream.overlapFrom" (merge (dict "at" .at "otherAt" (add1 .otherAt | int)) $next) }}{{ end -}}
{{- $met -}}
{{- else if not (or $one $other) -}}
true
{{- else if and $one $other (include "shotgun-stream.shareCharacter" (list $one $other)) -}}
{{- include "shotgun-stream.overlapFrom" (merge (dict "at" (add1 .at | int) "otherAt" (add1 .otherAt | int)) $next) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "shotgun-stream.shareCharacter" -}}
{{- $one := index . 0 -}}
{{- $other := index . 1 -}}
{{- if or (eq $one $other) (eq $one "?") (eq $other "?") -}}
true
{{- else if or (hasPrefix "[" $one) (hasPrefix "[" $other) -}}
{{- range splitList "" "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-. " -}}
{{- if and (include "shotgun-stream.matches" (list $one .)) (include "shotgun-stream.matches" (list $other .)) }}true{{ end -}}
{{- end -}}
{{- end -}}
{{- end -}}
