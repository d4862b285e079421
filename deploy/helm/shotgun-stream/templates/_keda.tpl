{{- /* KEDA. */ -}}

{{- /* Most replicas that can have something to do: (dict "workload" $w "config" $config). */ -}}
{{- define "shotgun-stream.mostReplicas" -}}
{{- $keda := .workload.values.keda -}}
{{- if kindIs "invalid" (index $keda "maxReplicaCount") -}}
{{- mul (default 1 (default dict .config.stream).partitions) (len $keda.groups) -}}
{{- else -}}
{{- int $keda.maxReplicaCount -}}
{{- end -}}
{{- end -}}

{{- define "shotgun-stream.kedaServers" -}}
{{- default (.config.kafka.bootstrap_servers) .root.Values.keda.bootstrapServers | nospace -}}
{{- end -}}

{{- /* What KEDA's trigger needs to know of a login, as its metadata and as its secrets, JSON: (dict "root" $ "workload" $w). */ -}}
{{- define "shotgun-stream.kedaLogin" -}}
{{- $config := include "shotgun-stream.config" . | fromJson -}}
{{- $credentials := include "shotgun-stream.credentials" . | fromJson -}}
{{- $properties := mustMergeOverwrite (deepCopy $config.kafka.properties) (deepCopy (default dict $config.kafka.consumer_properties)) -}}
{{- $protocol := get $properties "security.protocol" | toString | lower -}}
{{- $metadata := dict -}}
{{- $secrets := list -}}
{{- $env := list -}}
{{- if hasPrefix "sasl" $protocol -}}
{{- $mechanism := get $properties "sasl.mechanism" | default (get $properties "sasl.mechanisms") | toString | upper -}}
{{- $word := get (dict "PLAIN" "plaintext" "SCRAM-SHA-256" "scram_sha256" "SCRAM-SHA-512" "scram_sha512") $mechanism -}}
{{- if not $word -}}
{{- fail (printf "%s.keda.enabled, but the chart cannot hand sasl.mechanism %q to KEDA; make a TriggerAuthentication of your own and name it in keda.authenticationRef" .workload.where $mechanism) -}}
{{- end -}}
{{- $_ := set $metadata "sasl" $word -}}
{{- with $credentials.kafka.sasl -}}
{{- if not .secret -}}
{{- fail (printf "%s.keda.enabled, but KEDA has no password for Kafka; set credentials.kafka.sasl.secret, or name a TriggerAuthentication of your own in keda.authenticationRef" $.workload.where) -}}
{{- end -}}
{{- if .usernameKey -}}
{{- $secrets = append $secrets (dict "parameter" "username" "name" .secret "key" .usernameKey) -}}
{{- else -}}
{{- $env = append $env (dict "parameter" "username" "name" "SHOTGUN_STREAM_KAFKA__PROPERTIES__SASL_USERNAME" "containerName" "consumer") -}}
{{- end -}}
{{- $secrets = append $secrets (dict "parameter" "password" "name" .secret "key" .passwordKey) -}}
{{- end -}}
{{- end -}}
{{- if hasSuffix "ssl" $protocol -}}
{{- $_ := set $metadata "tls" "enable" -}}
{{- with $credentials.kafka.tls -}}
{{- if .caSecret -}}
{{- $secrets = append $secrets (dict "parameter" "ca" "name" .caSecret "key" .caKey) -}}
{{- else if .caConfigMap -}}
{{- fail (printf "%s.keda.enabled, but KEDA reads certificate authorities from Secrets alone; use credentials.kafka.tls.caSecret instead of caConfigMap, or name a TriggerAuthentication of your own in keda.authenticationRef" $.workload.where) -}}
{{- end -}}
{{- if .clientSecret -}}
{{- $secrets = append $secrets (dict "parameter" "cert" "name" .clientSecret "key" .certKey) -}}
{{- $secrets = append $secrets (dict "parameter" "key" "name" .clientSecret "key" .keyKey) -}}
{{- if .keyPasswordKey }}{{ $secrets = append $secrets (dict "parameter" "keyPassword" "name" .clientSecret "key" .keyPasswordKey) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson (dict "metadata" $metadata "secrets" $secrets "env" $env) -}}
{{- end -}}
