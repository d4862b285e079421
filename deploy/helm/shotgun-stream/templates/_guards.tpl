{{- /* What a schema cannot say. Each message names the value and the next step. */ -}}

{{- define "shotgun-stream.guards" -}}
{{- $workloads := include "shotgun-stream.workloads" . | fromJsonArray -}}
{{- if not $workloads -}}
{{- fail "there is nothing to run: producer.enabled is false and teams is empty; set one of them" -}}
{{- end -}}
{{- include "shotgun-stream.guardRelease" . -}}
{{- include "shotgun-stream.guardNames" (dict "root" . "workloads" $workloads) -}}
{{- range $key, $team := .Values.teams }}{{ include "shotgun-stream.guardWorkers" (dict "root" $ "key" $key "team" (default dict $team)) }}{{ end -}}
{{- range $workload := $workloads -}}
{{- $scope := dict "root" $ "workload" $workload "config" (include "shotgun-stream.config" (dict "root" $ "workload" $workload) | fromJson) -}}
{{- include "shotgun-stream.guardNeeds" $scope -}}
{{- include "shotgun-stream.guardKafkaLogin" $scope -}}
{{- include "shotgun-stream.guardFiles" $scope -}}
{{- include "shotgun-stream.guardResources" (dict "resources" $workload.values.resources "where" (printf "%s.resources" $workload.where)) -}}
{{- if eq $workload.kind "consumer" -}}
{{- include "shotgun-stream.guardPlugins" $scope -}}
{{- include "shotgun-stream.guardScaling" $scope -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* Names that Kubernetes and Kafka must tell apart. */ -}}
{{- define "shotgun-stream.guardNames" -}}
{{- $names := dict -}}
{{- $prefixes := dict -}}
{{- range .workloads -}}
{{- if hasKey $names .name -}}
{{- fail (printf "%s and %s would both be called %s; rename one of them" (get $names .name) .where .name) -}}
{{- end -}}
{{- $_ := set $names .name .where -}}
{{- if eq .kind "consumer" -}}
{{- if or (has .key (list "true" "false" "null")) (not (regexMatch "^[a-z]([-a-z0-9]{0,28}[a-z0-9])?$" .key)) -}}
{{- fail (printf "teams.%s: a team's key is made of lower-case letters, digits and dashes, begins with a letter, and has at most 30 characters (words that YAML takes for true or false, such as no, need quotes); rename it, and set teams.<key>.team if its consumer groups are called otherwise" .key) -}}
{{- end -}}
{{- if .worker -}}
{{- if not (regexMatch "^[a-z0-9]([-a-z0-9]{0,28}[a-z0-9])?$" .worker) -}}
{{- fail (printf "%s: a worker's key is made of lower-case letters, digits and dashes, and has at most 30 characters; rename it" .where) -}}
{{- end -}}
{{- end -}}
{{- $prefix := printf "%s%s" .groupPrefix .team -}}
{{- if not (regexMatch "^[a-zA-Z0-9._-]+$" $prefix) -}}
{{- fail (printf "%s: its consumer groups would begin with %q, but only letters, digits, dots, dashes and underscores are allowed; correct kafka.groupPrefix or %s.team" .where $prefix .where) -}}
{{- end -}}
{{- if and (hasKey $prefixes $prefix) (ne (get $prefixes $prefix) .key) -}}
{{- fail (printf "teams.%s and teams.%s would share the consumer groups %s.*, so each event would reach only one of them; give one of them another team or groupPrefix" (get $prefixes $prefix) .key $prefix) -}}
{{- end -}}
{{- $_ := set $prefixes $prefix .key -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* Whether a key of the configuration comes from the environment: (dict "values" .. "name" "SHOTGUN__URL"). */ -}}
{{- define "shotgun-stream.isInEnvironment" -}}
{{- if .values.extraEnvFrom }}true{{ end -}}
{{- $name := printf "SHOTGUN_STREAM_%s" .name -}}
{{- range .values.extraEnv }}{{ if or (eq .name $name) (eq .name (printf "%s_FILE" $name)) }}true{{ end }}{{ end -}}
{{- end -}}

{{- /* What both services cannot do without. */ -}}
{{- define "shotgun-stream.guardNeeds" -}}
{{- $where := .workload.where -}}
{{- $values := .workload.values -}}
{{- $shotgun := default dict .config.shotgun -}}
{{- if not (or $shotgun.url (include "shotgun-stream.isInEnvironment" (dict "values" $values "name" "SHOTGUN__URL"))) -}}
{{- fail (printf "config.shotgun.url is missing (for %s); set it to the site's address, such as https://studio.shotgrid.autodesk.com" $where) -}}
{{- end -}}
{{- if not (or $shotgun.script_name (include "shotgun-stream.isInEnvironment" (dict "values" $values "name" "SHOTGUN__SCRIPT_NAME"))) -}}
{{- fail (printf "config.shotgun.script_name is missing (for %s); set it to the name of the script user" $where) -}}
{{- end -}}
{{- if not (or $shotgun.api_key_file (include "shotgun-stream.isInEnvironment" (dict "values" $values "name" "SHOTGUN__API_KEY"))) -}}
{{- fail (printf "credentials.shotgun.secret is missing (for %s); make a Secret with the script user's key under %q, and set it to that Secret's name" $where .root.Values.credentials.shotgun.key) -}}
{{- end -}}
{{- if not (or .config.kafka.bootstrap_servers (include "shotgun-stream.isInEnvironment" (dict "values" $values "name" "KAFKA__BOOTSTRAP_SERVERS"))) -}}
{{- fail (printf "config.kafka.bootstrap_servers is missing (for %s); set it to host:port of one or more brokers" $where) -}}
{{- end -}}
{{- $merged := default .root.Values.config $values.config | default dict -}}
{{- if $merged.http -}}
{{- fail (printf "config.http (for %s) is set by the chart; leave it out" $where) -}}
{{- end -}}
{{- range $word, $instead := dict "team" "teams.<team>.team" "group_prefix" "kafka.groupPrefix" "plugin_paths" "teams.<team>.plugins" "only" "teams.<team>.workers.<worker>.only" -}}
{{- if hasKey (default dict $merged.consumer) $word -}}
{{- fail (printf "config.consumer.%s (for %s) is set by the chart; use %s instead" $word $where $instead) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* Secrets for Kafka and the protocol that uses them. */ -}}
{{- define "shotgun-stream.guardKafkaLogin" -}}
{{- $where := .workload.where -}}
{{- $credentials := include "shotgun-stream.credentials" . | fromJson -}}
{{- $properties := .config.kafka.properties -}}
{{- $protocol := get $properties "security.protocol" | toString | lower -}}
{{- if and $credentials.kafka.sasl.secret (not (hasPrefix "sasl" $protocol)) -}}
{{- fail (printf "there is a password for Kafka (credentials.kafka.sasl, or Strimzi's, for %s), but config.kafka.properties' security.protocol is %q, which uses none; set it to SASL_SSL or SASL_PLAINTEXT" $where $protocol) -}}
{{- end -}}
{{- $mechanism := get $properties "sasl.mechanism" | default (get $properties "sasl.mechanisms") | toString | upper -}}
{{- if and (hasPrefix "sasl" $protocol) (or (eq $mechanism "PLAIN") (hasPrefix "SCRAM" $mechanism)) (not (get $properties "sasl.password_file")) (not (include "shotgun-stream.isInEnvironment" (dict "values" .workload.values "name" "KAFKA__PROPERTIES__SASL_PASSWORD"))) -}}
{{- fail (printf "there is no password for Kafka (for %s), but config.kafka.properties' security.protocol is %q; set credentials.kafka.sasl.secret (or that of %s.credentials) to the name of a Secret" $where $protocol $where) -}}
{{- end -}}
{{- if and $credentials.kafka.sasl.secret (not (or (get $properties "sasl.mechanism") (get $properties "sasl.mechanisms"))) -}}
{{- fail (printf "config.kafka.properties' sasl.mechanism is missing (for %s); set it, for example to SCRAM-SHA-512" $where) -}}
{{- end -}}
{{- if and $credentials.kafka.sasl.secret (not (or $credentials.kafka.sasl.usernameKey (get $properties "sasl.username"))) (not (include "shotgun-stream.isInEnvironment" (dict "values" .workload.values "name" "KAFKA__PROPERTIES__SASL_USERNAME"))) -}}
{{- fail (printf "Kafka's user has no name (for %s); set config.kafka.properties' sasl.username, or credentials.kafka.sasl.usernameKey to its key in the Secret" $where) -}}
{{- end -}}
{{- $tls := $credentials.kafka.tls -}}
{{- if and (or $tls.clientSecret (and (or $tls.caSecret $tls.caConfigMap) (not $tls.isOnlyForTls))) (not (hasSuffix "ssl" $protocol)) -}}
{{- fail (printf "there are certificates for Kafka (credentials.kafka.tls, or Strimzi's, for %s), but config.kafka.properties' security.protocol is %q, which uses none; set it to SSL or SASL_SSL" $where $protocol) -}}
{{- end -}}
{{- end -}}

{{- /* Files of the user's own are there: (dict "workload" $w "config" $config). */ -}}
{{- define "shotgun-stream.guardFiles" -}}
{{- $values := .workload.values -}}
{{- range $key, $file := dict "shotgun.ca_certs" (default dict .config.shotgun).ca_certs "logging.email.ca_certs" (default dict (default dict .config.logging).email).ca_certs -}}
{{- /* An image may bring it along: a team's own one anywhere, any other one where images keep such files. */ -}}
{{- if and $file (not (regexMatch "^/(etc/ssl|usr)/" $file)) (not (default dict $values.image).repository) -}}
{{- $isThere := false -}}
{{- range $values.extraVolumeMounts }}{{ if or (eq .mountPath $file) (hasPrefix (printf "%s/" (trimSuffix "/" .mountPath)) $file) }}{{ $isThere = true }}{{ end }}{{ end -}}
{{- if not $isThere -}}
{{- fail (printf "config.%s is %s, but nothing is mounted there (for %s); mount the file with extraVolumes and extraVolumeMounts, or have it in the image below /etc/ssl or /usr" $key $file $.workload.where) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "shotgun-stream.guardPlugins" -}}
{{- $where := printf "teams.%s.plugins" .workload.key -}}
{{- $plugins := default dict .workload.values.plugins -}}
{{- if not .config.consumer.plugin_paths -}}
{{- fail (printf "%s names no place; set one of %s.paths (folders in the team's own image), .imageVolume.reference, .configMap, .pvc.claimName and .gitSync.repo" $where $where) -}}
{{- end -}}
{{- range $plugins.paths -}}
{{- if not (hasPrefix "/" .) }}{{ fail (printf "%s.paths has %q; write the whole path of the folder in the image, such as /plugins" $where .) }}{{ end -}}
{{- end -}}
{{- if and (default dict $plugins.imageVolume).reference (semverCompare "<1.33-0" .root.Capabilities.KubeVersion.Version) -}}
{{- fail (printf "%s.imageVolume needs Kubernetes 1.33 or newer, and this cluster has %s; use the team's own image with %s.paths instead" $where .root.Capabilities.KubeVersion.Version $where) -}}
{{- end -}}
{{- with $plugins.gitSync -}}
{{- if .repo }}{{ include "shotgun-stream.guardResources" (dict "resources" .resources "where" (printf "%s.gitSync.resources" $where)) }}{{ end -}}
{{- if and .repo (not (default dict .image).repository) -}}
{{- fail (printf "%s.gitSync has a repo and no image; set %s.gitSync.image.repository and .tag to an image of git-sync 4 that the cluster reaches" $where $where) -}}
{{- end -}}
{{- if and .repo .sshSecret .httpsSecret -}}
{{- fail (printf "%s.gitSync has sshSecret and httpsSecret; the address %s uses one of them, so leave the other one out" $where .repo) -}}
{{- end -}}
{{- end -}}
{{- if gt (len (toJson (default dict (default dict $plugins.configMap).files))) 1000000 -}}
{{- fail (printf "%s.configMap.files are larger than a ConfigMap may be (1 MiB); put the plugins into an image, or use gitSync" $where) -}}
{{- end -}}
{{- end -}}

{{- define "shotgun-stream.guardScaling" -}}
{{- $where := .workload.where -}}
{{- $hpa := default dict .workload.values.autoscaling -}}
{{- $keda := default dict .workload.values.keda -}}
{{- if and $hpa.enabled $keda.enabled -}}
{{- fail (printf "%s: autoscaling and keda are both enabled, and would fight over the replicas; choose one" $where) -}}
{{- end -}}
{{- if $hpa.enabled -}}
{{- if lt (int $hpa.maxReplicas) (int $hpa.minReplicas) -}}
{{- fail (printf "%s.autoscaling.maxReplicas is %d, less than minReplicas, %d; raise it" $where (int $hpa.maxReplicas) (int $hpa.minReplicas)) -}}
{{- end -}}
{{- if not (or $hpa.targetCPUUtilizationPercentage $hpa.targetMemoryUtilizationPercentage $hpa.metrics) -}}
{{- fail (printf "%s.autoscaling has nothing to go by; set targetCPUUtilizationPercentage, targetMemoryUtilizationPercentage or metrics" $where) -}}
{{- end -}}
{{- end -}}
{{- if $keda.enabled -}}
{{- if not $keda.groups -}}
{{- fail (printf "%s.keda.groups is empty; list the plugins (or merged groups) whose lag is to count" $where) -}}
{{- end -}}
{{- if lt (int $keda.minReplicaCount) 1 -}}
{{- fail (printf "%s.keda.minReplicaCount is %d; it must be 1 or more: plugins that KEDA does not look at would stop, and Kafka forgets the positions of a group that is empty for a week" $where (int $keda.minReplicaCount)) -}}
{{- end -}}
{{- $most := include "shotgun-stream.mostReplicas" (dict "workload" .workload "config" .config) | int -}}
{{- if lt $most (int $keda.minReplicaCount) -}}
{{- fail (printf "%s.keda.maxReplicaCount is %d, less than minReplicaCount, %d; without it, it is partitions times groups" $where $most (int $keda.minReplicaCount)) -}}
{{- end -}}
{{- range $group := $keda.groups -}}
{{- if not (or (not $.workload.only) (hasKey (default dict $.config.consumer.groups) $group)) -}}
{{- $runs := false -}}
{{- range $.workload.only }}{{ if include "shotgun-stream.matches" (list . $group) }}{{ $runs = true }}{{ end }}{{ end -}}
{{- if not $runs -}}
{{- fail (printf "%s.keda.groups has %q, which this worker does not run; its `only` is %s" $where $group (join ", " $.workload.only)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $servers := include "shotgun-stream.kedaServers" . -}}
{{- if not $servers -}}
{{- fail (printf "%s.keda is enabled, but keda.bootstrapServers is missing; set it to the brokers' full names" $where) -}}
{{- end -}}
{{- range splitList "," $servers -}}
{{- $host := regexReplaceAll ":[0-9]+$" . "" -}}
{{- if not (contains "." $host) -}}
{{- if not (contains ":" $host) -}}
{{- fail (printf "%s.keda is enabled, and KEDA would look %q up in its own namespace; set keda.bootstrapServers to full names, such as %s.%s.svc.cluster.local:9092" $where $host $host $.root.Release.Namespace) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* What belongs to the release as a whole. */ -}}
{{- define "shotgun-stream.guardRelease" -}}
{{- if .Values.topics.job.enabled }}{{ include "shotgun-stream.guardResources" (dict "resources" .Values.topics.job.resources "where" "topics.job.resources") }}{{ end -}}
{{- if .Values.tests.enabled }}{{ include "shotgun-stream.guardResources" (dict "resources" .Values.tests.resources "where" "tests.resources") }}{{ end -}}
{{- range $word, $context := dict "podSecurityContext" .Values.podSecurityContext "securityContext" .Values.securityContext -}}
{{- $context = default dict $context -}}
{{- if and (hasKey $context "seccompProfile") (not (default dict $context.seccompProfile).type) -}}
{{- fail (printf "%s.seccompProfile.type is missing; set it to RuntimeDefault, or set %s.seccompProfile itself to null" $word $word) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.networkPolicy.enabled (not .Values.networkPolicy.egress) -}}
{{- fail "networkPolicy.egress is empty: with networkPolicy.enabled no pod could reach Kafka or the site; list where they may go" -}}
{{- end -}}
{{- if and .Values.monitoring.podMonitor.enabled .Values.monitoring.serviceMonitor.enabled -}}
{{- fail "monitoring.podMonitor and monitoring.serviceMonitor are both enabled, so every pod would be scraped twice; choose one" -}}
{{- end -}}
{{- with .Values.strimzi -}}
{{- if and .enabled (not .cluster) -}}
{{- fail "strimzi.cluster is missing; set it to the name of the Kafka resource" -}}
{{- end -}}
{{- if and .enabled .topics.enabled $.Values.topics.job.enabled -}}
{{- fail "strimzi.topics and topics.job are both enabled, and would both make the topics; choose one" -}}
{{- end -}}
{{- end -}}
{{- end -}}
