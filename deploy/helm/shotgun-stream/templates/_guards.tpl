{{- /* What a schema cannot say. Each message names the value and the next step. */ -}}

{{- /* Secrets stand in Secrets: (dict "workload" $w "config" $config). */ -}}
{{- define "shotgun-stream.refuseSecrets" -}}
{{- $where := .workload.where -}}
{{- if (default dict .config.shotgun).api_key -}}
{{- fail (printf "config.shotgun.api_key (for %s) is a secret, and values are no place for it; put it into a Secret and set credentials.shotgun.secret to its name" $where) -}}
{{- end -}}
{{- if (default dict (default dict .config.logging).email).password -}}
{{- fail (printf "config.logging.email.password (for %s) is a secret, and values are no place for it; put it into a Secret and set credentials.mail.secret to its name" $where) -}}
{{- end -}}
{{- range $section := list "properties" "producer_properties" "consumer_properties" -}}
{{- range $name, $_ := (index $.config.kafka $section | default dict) -}}
{{- if and (not (hasSuffix "_file" $name)) (or (regexMatch "(?i)password|secret|passphrase" $name) (has (lower $name) (list "ssl.key.pem" "ssl_key" "sasl.oauthbearer.config" "sasl.oauthbearer.assertion.private.key.pem"))) -}}
{{- fail (printf "config.kafka.%s has %s (for %s), a secret, and values are no place for it; put it into a Secret, and use credentials.kafka, or mount it with extraVolumes and set %s_file" $section $name $where $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "shotgun-stream.guards" -}}
{{- end -}}
