{{- /* Secrets stand in Secrets: what values say is in ConfigMaps, Deployments and `helm get values`, for many to read. */ -}}

{{- /* (dict "workload" $w "config" $config) */ -}}
{{- define "shotgun-stream.refuseSecrets" -}}
{{- $where := .workload.where -}}
{{- $shotgun := default dict .config.shotgun -}}
{{- if $shotgun.api_key -}}
{{- fail (printf "config.shotgun.api_key (for %s) is a secret, and values are no place for it; put it into a Secret and set credentials.shotgun.secret to its name" $where) -}}
{{- end -}}
{{- if contains "@" (toString $shotgun.http_proxy) -}}
{{- fail (printf "config.shotgun.http_proxy (for %s) holds a login, and values are no place for it; put the whole address into a Secret and set credentials.proxy.secret to its name" $where) -}}
{{- end -}}
{{- if contains "@" (toString $shotgun.url) -}}
{{- fail (printf "config.shotgun.url (for %s) holds a login, and values are no place for it; leave the login out, or put the whole address into a Secret and name that in extraEnv: {name: SHOTGUN_STREAM_SHOTGUN__URL, valueFrom: {secretKeyRef: ..}}" $where) -}}
{{- end -}}
{{- if (default dict (default dict .config.logging).email).password -}}
{{- fail (printf "config.logging.email.password (for %s) is a secret, and values are no place for it; put it into a Secret and set credentials.mail.secret to its name" $where) -}}
{{- end -}}
{{- range $section := list "properties" "producer_properties" "consumer_properties" -}}
{{- range $name, $value := (index $.config.kafka $section | default dict) -}}
{{- if and (not (hasSuffix "_file" $name)) (or (include "shotgun-stream.isSecretProperty" $name) (include "shotgun-stream.hasLogin" $value)) -}}
{{- fail (printf "config.kafka.%s has %s (for %s), a secret, and values are no place for it; put it into a Secret, and use credentials.kafka, or mount it with extraVolumes and set %s_file" $section $name $where $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range .workload.values.extraEnv -}}
{{- if and .value (include "shotgun-stream.isSecretVariable" .) -}}
{{- fail (printf "%s.extraEnv has %s with a plain value, a secret, and values are no place for it; put it into a Secret, and write {name: %s, valueFrom: {secretKeyRef: {name: .., key: ..}}}" $where .name .name) -}}
{{- end -}}
{{- end -}}
{{- with (default dict .workload.values.plugins).gitSync -}}
{{- if and (include "shotgun-stream.hasLogin" .repo) (not (hasPrefix "ssh://" .repo)) -}}
{{- fail (printf "%s.plugins.gitSync.repo holds a login, and values are no place for it; leave it out of the address, put name and password into a Secret, and set gitSync.httpsSecret to its name" $where) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* Whether an address has something before its host, as in https://name:password@host. */ -}}
{{- define "shotgun-stream.hasLogin" -}}
{{- if regexMatch "^[a-zA-Z][a-zA-Z0-9+.-]*://[^/?#]*@" (default "" . | toString) }}true{{ end -}}
{{- end -}}

{{- /* Whether a property of librdkafka holds a secret, by its name. */ -}}
{{- define "shotgun-stream.isSecretProperty" -}}
{{- if or (regexMatch "(?i)password|secret|passphrase" .) (has (lower .) (list "ssl.key.pem" "ssl_key" "sasl.oauthbearer.config" "sasl.oauthbearer.assertion.private.key.pem")) }}true{{ end -}}
{{- end -}}

{{- /* Whether a variable, {name: .., value: ..}, gives a service a secret. The same key with _FILE names a file only. */ -}}
{{- define "shotgun-stream.isSecretVariable" -}}
{{- $name := upper .name -}}
{{- if and (hasPrefix "SHOTGUN_STREAM_" $name) (not (hasSuffix "_FILE" $name)) -}}
{{- $words := splitList "__" $name -}}
{{- if has $name (list "SHOTGUN_STREAM_SHOTGUN__API_KEY" "SHOTGUN_STREAM_LOGGING__EMAIL__PASSWORD") -}}
true
{{- else if and (has $name (list "SHOTGUN_STREAM_SHOTGUN__URL" "SHOTGUN_STREAM_SHOTGUN__HTTP_PROXY")) (contains "@" .value) -}}
true
{{- else if and (eq (len $words) 3) (hasSuffix "PROPERTIES" (index $words 1)) (include "shotgun-stream.isSecretProperty" (index $words 2 | lower | replace "_" ".")) -}}
true
{{- end -}}
{{- end -}}
{{- end -}}
