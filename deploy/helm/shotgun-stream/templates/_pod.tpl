{{- /*
The one pod of this chart, in its uses: services, tests, the Job that makes topics.

  root, workload
  command, args   what the container runs, whatever its image would
  container    its name
  configMap    name of the ConfigMap with config.yaml
  restartPolicy, resources, serviceAccountName
  isService    whether it has ports, probes and what runs beside it
*/ -}}
{{- define "shotgun-stream.podSpec" -}}
{{- $root := .root -}}
{{- $workload := .workload -}}
{{- $values := $workload.values -}}
{{- $scope := dict "root" $root "workload" $workload -}}
{{- $config := include "shotgun-stream.config" $scope | fromJson -}}
{{- $plugins := dict -}}
{{- if eq $workload.kind "consumer" }}{{ $plugins = include "shotgun-stream.plugins" $scope | fromJson }}{{ end -}}
{{- $secrets := include "shotgun-stream.secretSources" $scope | fromJsonArray -}}
{{- $volumes := list (dict "name" "config" "configMap" (dict "name" .configMap)) (dict "name" "tmp" "emptyDir" (dict "sizeLimit" $root.Values.tmpSizeLimit)) -}}
{{- $mounts := list (dict "name" "config" "mountPath" "/etc/shotgun-stream/config" "readOnly" true) (dict "name" "tmp" "mountPath" "/tmp") -}}
{{- if $secrets -}}
{{- $volumes = append $volumes (dict "name" "secrets" "projected" (dict "defaultMode" 288 "sources" $secrets)) -}}
{{- $mounts = append $mounts (dict "name" "secrets" "mountPath" (include "shotgun-stream.secretsFolder" .) "readOnly" true) -}}
{{- end -}}
{{- $volumes = concat $volumes (default list $plugins.volumes) -}}
{{- $mounts = concat $mounts (default list $plugins.mounts) -}}
serviceAccountName: {{ .serviceAccountName | quote }}
automountServiceAccountToken: false
enableServiceLinks: false
restartPolicy: {{ default "Always" .restartPolicy }}
{{- if $values.shareProcessNamespace }}
shareProcessNamespace: true
{{- end }}
{{- if .isService }}
terminationGracePeriodSeconds: {{ include "shotgun-stream.gracePeriod" (dict "workload" $workload "config" $config) }}
{{- end }}
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml $root.Values.podSecurityContext | nindent 2 }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if .isService }}
{{- include "shotgun-stream.spread" $scope }}
{{- end }}
{{- with $values.hostAliases }}
hostAliases:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with include "shotgun-stream.containers" (dict "root" $root "ours" $plugins.initContainers "theirs" $values.initContainers "where" (printf "%s.initContainers" $workload.where) "main" .container) | fromJsonArray }}
initContainers:
  {{- toYaml . | nindent 2 }}
{{- end }}
containers:
  - name: {{ .container }}
    image: {{ include "shotgun-stream.image" (dict "root" $root "image" $values.image "where" $workload.where) | quote }}
    imagePullPolicy: {{ include "shotgun-stream.pullPolicy" (dict "root" $root "image" $values.image) }}
    command: [{{ .command | quote }}]
    args: {{ toJson .args }}
    {{- with include "shotgun-stream.joined" (dict "key" "name" "ours" (include "shotgun-stream.env" $scope | fromJsonArray) "theirs" $values.extraEnv) | fromJsonArray }}
    env:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- with $values.extraEnvFrom }}
    envFrom:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- if .isService }}
    ports:
      - name: http
        containerPort: {{ include "shotgun-stream.port" $workload }}
        protocol: TCP
    {{- include "shotgun-stream.probes" $values | nindent 4 }}
    {{- end }}
    resources:
      {{- toYaml .resources | nindent 6 }}
    securityContext:
      {{- toYaml $root.Values.securityContext | nindent 6 }}
    volumeMounts:
      {{- toYaml (include "shotgun-stream.joined" (dict "key" "mountPath" "ours" $mounts "theirs" $values.extraVolumeMounts) | fromJsonArray) | nindent 6 }}
  {{- if .isService }}
  {{- with include "shotgun-stream.containers" (dict "root" $root "ours" $plugins.sidecars "theirs" $values.sidecars "where" (printf "%s.sidecars" $workload.where) "main" .container) | fromJsonArray }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- end }}
volumes:
  {{- toYaml (include "shotgun-stream.joined" (dict "key" "name" "ours" $volumes "theirs" $values.extraVolumes) | fromJsonArray) | nindent 2 }}
{{- end -}}

{{- /* Containers beside the service's, JSON. Those of users get the chart's restrictions where they say nothing of their own. */ -}}
{{- define "shotgun-stream.containers" -}}
{{- $theirs := list -}}
{{- range (default list .theirs) -}}
{{- if eq .name $.main -}}
{{- fail (printf "%s has a container named %q, which is the service's own; give it another name" $.where .name) -}}
{{- end -}}
{{- $container := deepCopy . -}}
{{- $_ := set $container "securityContext" (mustMergeOverwrite (deepCopy $.root.Values.securityContext) (default dict .securityContext)) -}}
{{- $theirs = append $theirs $container -}}
{{- end -}}
{{- include "shotgun-stream.joined" (dict "key" "name" "ours" .ours "theirs" $theirs) -}}
{{- end -}}

{{- define "shotgun-stream.spread" -}}
{{- $selector := include "shotgun-stream.selector" . | fromYaml -}}
{{- $given := index .workload.values "topologySpreadConstraints" -}}
{{- if kindIs "invalid" $given }}{{ $given = list (dict "maxSkew" 1 "topologyKey" "kubernetes.io/hostname" "whenUnsatisfiable" "ScheduleAnyway") }}{{ end -}}
{{- if $given }}
topologySpreadConstraints:
{{- range $given }}
  - {{- toYaml (merge (deepCopy .) (dict "labelSelector" (dict "matchLabels" $selector))) | nindent 4 }}
{{- end }}
{{- end }}
{{- end -}}

{{- /*
Liveness asks for nothing but an answer: it depends on no callback, no broker and no site. The start has three minutes,
for plugins are imported before the port is opened.
*/ -}}
{{- define "shotgun-stream.probes" -}}
{{- $probes := dict
      "startupProbe" (dict "httpGet" (dict "path" "/healthz" "port" "http") "periodSeconds" 2 "timeoutSeconds" 5 "failureThreshold" 90)
      "livenessProbe" (dict "httpGet" (dict "path" "/healthz" "port" "http") "periodSeconds" 10 "timeoutSeconds" 5 "failureThreshold" 6)
      "readinessProbe" (dict "httpGet" (dict "path" "/readyz" "port" "http") "periodSeconds" 5 "timeoutSeconds" 5 "failureThreshold" 3) -}}
{{- range $name, $probe := $probes -}}
{{- $own := default dict (get $ $name) -}}
{{- if or (hasKey $own "exec") (hasKey $own "tcpSocket") (hasKey $own "grpc") }}{{ $_ := unset $probe "httpGet" }}{{ end -}}
{{- include "shotgun-stream.layOver" (list $probe $own) -}}
{{- end -}}
{{- toYaml $probes -}}
{{- end -}}

{{- /*
A pod is replaced when its own configuration changes, and by nobody else's. Changed plugin files need no new pod, unless
the consumer does not look for them.
*/ -}}
{{- define "shotgun-stream.podAnnotations" -}}
{{- $config := include "shotgun-stream.config" . | fromJson -}}
{{- $annotations := deepCopy (default dict .workload.values.podAnnotations) -}}
{{- $_ := set $annotations "checksum/config" ($config | toJson | sha256sum) -}}
{{- if eq .workload.kind "consumer" -}}
{{- $files := (default dict (default dict .workload.values.plugins).configMap).files -}}
{{- if and $files (eq (toString $config.consumer.reload) "off") }}{{ $_ := set $annotations "checksum/plugins" (toJson $files | sha256sum) }}{{ end -}}
{{- end -}}
{{- toYaml $annotations -}}
{{- end -}}
