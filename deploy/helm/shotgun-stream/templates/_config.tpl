{{- /* The services' configuration, and the secrets that it points at. */ -}}

{{- define "shotgun-stream.secretsFolder" -}}/etc/shotgun-stream/secrets{{- end -}}

{{- /* A workload's credentials, JSON: (dict "root" $ "workload" $w). Strimzi's own Secrets stand where none is named. */ -}}
{{- define "shotgun-stream.credentials" -}}
{{- $found := dict -}}
{{- include "shotgun-stream.layOver" (list $found (default .root.Values.credentials .workload.values.credentials)) -}}
{{- /* null takes a part away: then nothing of it is used. */ -}}
{{- $found = merge $found (dict "shotgun" dict "kafka" dict "mail" dict "proxy" dict) -}}
{{- $_ := set $found "kafka" (merge $found.kafka (dict "sasl" dict "tls" dict)) -}}
{{- /* Not for the Job that makes topics: it runs before Strimzi has made anything. */ -}}
{{- if and (include "shotgun-stream.usesStrimziSecrets" .root) (ne .workload.kind "topics") -}}
{{- $user := include "shotgun-stream.strimziUser" . -}}
{{- if and (eq .root.Values.strimzi.users.authentication "tls") (not $found.kafka.tls.clientSecret) -}}
{{- $_ := mustMergeOverwrite $found.kafka.tls (dict "clientSecret" $user "certKey" "user.crt" "keyKey" "user.key" "keyPasswordKey" "") -}}
{{- else if and (ne .root.Values.strimzi.users.authentication "tls") (not $found.kafka.sasl.secret) -}}
{{- $_ := mustMergeOverwrite $found.kafka.sasl (dict "secret" $user "usernameKey" "" "passwordKey" "password" "username" $user) -}}
{{- end -}}
{{- if not (or $found.kafka.tls.caSecret $found.kafka.tls.caConfigMap) -}}
{{- $_ := mustMergeOverwrite $found.kafka.tls (dict "caSecret" (printf "%s-cluster-ca-cert" .root.Values.strimzi.cluster) "caKey" "ca.crt" "isOnlyForTls" true) -}}
{{- end -}}
{{- end -}}
{{- toJson $found -}}
{{- end -}}

{{- define "shotgun-stream.usesStrimziSecrets" -}}
{{- with .Values.strimzi -}}
{{- if and .enabled .users.enabled (or (not .namespace) (eq .namespace $.Release.Namespace)) }}true{{ end -}}
{{- end -}}
{{- end -}}

{{- /* Name of a workload's KafkaUser: the workers of a team share one. */ -}}
{{- define "shotgun-stream.strimziUser" -}}
{{- if eq .workload.kind "consumer" -}}
{{- include "shotgun-stream.objectName" (list .root (printf "consumer-%s" .workload.key)) -}}
{{- else -}}
{{- include "shotgun-stream.objectName" (list .root "producer") -}}
{{- end -}}
{{- end -}}

{{- /*
A workload's configuration, JSON: (dict "root" $ "workload" $w). What only the other service reads is left out, so that
a change of it restarts nothing here.
*/ -}}
{{- define "shotgun-stream.config" -}}
{{- $config := dict "kafka" (dict "properties" dict) "shotgun" dict -}}
{{- /* A bare `config:`, which is null, says nothing, and takes nothing away. */ -}}
{{- include "shotgun-stream.layOver" (list $config (default .root.Values.config .workload.values.config)) -}}
{{- if kindIs "slice" $config.kafka.bootstrap_servers }}{{ $_ := set $config.kafka "bootstrap_servers" (join "," $config.kafka.bootstrap_servers) }}{{ end -}}
{{- $credentials := include "shotgun-stream.credentials" . | fromJson -}}
{{- include "shotgun-stream.refuseSecrets" (dict "workload" .workload "config" $config) -}}
{{- $secrets := include "shotgun-stream.secretsFolder" . -}}
{{- if $credentials.shotgun.secret }}{{ $_ := set $config.shotgun "api_key_file" (printf "%s/shotgun-api-key" $secrets) }}{{ end -}}
{{- $properties := $config.kafka.properties -}}
{{- with $credentials.kafka.sasl -}}
{{- if .secret }}{{ $_ := set $properties "sasl.password_file" (printf "%s/kafka-password" $secrets) }}{{ end -}}
{{- if .username -}}
{{- $_ := set $properties "sasl.username" .username -}}
{{- if not (get $properties "sasl.mechanism") }}{{ $_ := set $properties "sasl.mechanism" "SCRAM-SHA-512" }}{{ end -}}
{{- end -}}
{{- end -}}
{{- with $credentials.kafka.tls -}}
{{- if and (or .caSecret .caConfigMap) (or (not .isOnlyForTls) (contains "ssl" (lower (toString (get $properties "security.protocol"))))) }}{{ $_ := set $properties "ssl.ca.location" (printf "%s/kafka-ca.crt" $secrets) }}{{ end -}}
{{- if .clientSecret -}}
{{- $_ := set $properties "ssl.certificate.location" (printf "%s/kafka-client.crt" $secrets) -}}
{{- $_ := set $properties "ssl.key.location" (printf "%s/kafka-client.key" $secrets) -}}
{{- if .keyPasswordKey }}{{ $_ := set $properties "ssl.key.password_file" (printf "%s/kafka-key-password" $secrets) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- if and $credentials.mail.secret $config.logging $config.logging.email -}}
{{- $_ := set $config.logging.email "password_file" (printf "%s/mail-password" $secrets) -}}
{{- end -}}
{{- if eq .workload.kind "producer" -}}
{{- $_ := unset $config "consumer" -}}
{{- $_ := set $config "http" (dict "host" "0.0.0.0" "port" (include "shotgun-stream.port" .workload | int)) -}}
{{- else if eq .workload.kind "consumer" -}}
{{- $_ := unset $config "producer" -}}
{{- $_ := set $config "http" (dict "host" "0.0.0.0" "port" (include "shotgun-stream.port" .workload | int)) -}}
{{- $consumer := default dict $config.consumer -}}
{{- $_ := set $consumer "team" .workload.team -}}
{{- if .workload.groupPrefix }}{{ $_ := set $consumer "group_prefix" .workload.groupPrefix }}{{ end -}}
{{- $_ := set $consumer "plugin_paths" (include "shotgun-stream.plugins" . | fromJson).paths -}}
{{- if .workload.only }}{{ $_ := set $consumer "only" .workload.only }}{{ end -}}
{{- $_ := set $config "consumer" $consumer -}}
{{- else -}}
{{- /* The Job that makes topics: what it needs, and nothing that would make it depend on other things. */ -}}
{{- $config = pick $config "kafka" "stream" "logging" -}}
{{- end -}}
{{- toJson $config -}}
{{- end -}}

{{- define "shotgun-stream.port" -}}
{{- eq .kind "producer" | ternary 9464 9465 -}}
{{- end -}}

{{- /* The Secrets of a workload as one projected volume's sources, JSON. */ -}}
{{- define "shotgun-stream.secretSources" -}}
{{- $credentials := include "shotgun-stream.credentials" . | fromJson -}}
{{- $config := include "shotgun-stream.config" . | fromJson -}}
{{- $sources := list -}}
{{- with $credentials.shotgun -}}
{{- if and .secret (ne $.workload.kind "topics") }}{{ $sources = append $sources (dict "secret" (dict "name" .secret "items" (list (dict "key" .key "path" "shotgun-api-key")))) }}{{ end -}}
{{- end -}}
{{- with $credentials.kafka.sasl -}}
{{- if .secret }}{{ $sources = append $sources (dict "secret" (dict "name" .secret "items" (list (dict "key" .passwordKey "path" "kafka-password")))) }}{{ end -}}
{{- end -}}
{{- with $credentials.kafka.tls -}}
{{- if hasKey $config.kafka.properties "ssl.ca.location" -}}
{{- $items := list (dict "key" .caKey "path" "kafka-ca.crt") -}}
{{- if .caSecret }}{{ $sources = append $sources (dict "secret" (dict "name" .caSecret "items" $items)) }}
{{- else if .caConfigMap }}{{ $sources = append $sources (dict "configMap" (dict "name" .caConfigMap "items" $items)) }}{{ end -}}
{{- end -}}
{{- if .clientSecret -}}
{{- $items := list (dict "key" .certKey "path" "kafka-client.crt") (dict "key" .keyKey "path" "kafka-client.key") -}}
{{- if .keyPasswordKey }}{{ $items = append $items (dict "key" .keyPasswordKey "path" "kafka-key-password") }}{{ end -}}
{{- $sources = append $sources (dict "secret" (dict "name" .clientSecret "items" $items)) -}}
{{- end -}}
{{- end -}}
{{- if and $credentials.mail.secret $config.logging $config.logging.email -}}
{{- $sources = append $sources (dict "secret" (dict "name" $credentials.mail.secret "items" (list (dict "key" $credentials.mail.key "path" "mail-password")))) -}}
{{- end -}}
{{- toJson $sources -}}
{{- end -}}

{{- /* Environment of the services' containers, JSON. */ -}}
{{- define "shotgun-stream.env" -}}
{{- $credentials := include "shotgun-stream.credentials" . | fromJson -}}
{{- $sasl := $credentials.kafka.sasl -}}
{{- $config := include "shotgun-stream.config" . | fromJson -}}
{{- $name := "SHOTGUN_STREAM_KAFKA__PROPERTIES__SASL_USERNAME" -}}
{{- /* By the variable and not by an option, so that commands in the pod find the configuration, too. */ -}}
{{- $env := list (dict "name" "SHOTGUN_STREAM_CONFIG" "value" "/etc/shotgun-stream/config/config.yaml") -}}
{{- if eq .workload.kind "consumer" -}}
{{- /* A team's image may name its own folders in its environment, which goes before the file. */ -}}
{{- $env = append $env (dict "name" "SHOTGUN_STREAM_CONSUMER__PLUGIN_PATHS" "value" (toJson $config.consumer.plugin_paths)) -}}
{{- end -}}
{{- with $credentials.proxy -}}
{{- if and .secret (ne $.workload.kind "topics") -}}
{{- /* An address with a login has no file of its own in the configuration, as the secrets proper have. */ -}}
{{- $env = append $env (dict "name" "SHOTGUN_STREAM_SHOTGUN__HTTP_PROXY" "valueFrom" (dict "secretKeyRef" (dict "name" .secret "key" .key))) -}}
{{- end -}}
{{- end -}}
{{- if and $sasl.secret $sasl.usernameKey -}}
{{- $env = append $env (dict "name" $name "valueFrom" (dict "secretKeyRef" (dict "name" $sasl.secret "key" $sasl.usernameKey))) -}}
{{- else if and (default dict .workload.values.keda).enabled (get $config.kafka.properties "sasl.username") -}}
{{- /* KEDA's TriggerAuthentication takes the name from here: it has no place for a plain one. */ -}}
{{- $env = append $env (dict "name" $name "value" (get $config.kafka.properties "sasl.username")) -}}
{{- end -}}
{{- toJson $env -}}
{{- end -}}
