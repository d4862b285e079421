{{- /* Where a team's plugins come from. */ -}}

{{- define "shotgun-stream.pluginConfigMap" -}}
{{- include "shotgun-stream.objectName" (list .root (printf "plugins-%s" .workload.key)) -}}
{{- end -}}

{{- /*
What a consumer's plugins need, JSON: paths, volumes, mounts, initContainers, sidecars: (dict "root" $ "workload" $w).
*/ -}}
{{- define "shotgun-stream.plugins" -}}
{{- $plugins := default dict .workload.values.plugins -}}
{{- $base := "/etc/shotgun-stream/plugins" -}}
{{- $paths := default list $plugins.paths -}}
{{- $volumes := list -}}
{{- $mounts := list -}}
{{- $inits := list -}}
{{- $sidecars := list -}}
{{- with $plugins.imageVolume -}}
{{- if .reference -}}
{{- $paths = append $paths (include "shotgun-stream.folder" (list (printf "%s/image" $base) .path)) -}}
{{- $volumes = append $volumes (dict "name" "plugins-image" "image" (dict "reference" .reference "pullPolicy" .pullPolicy)) -}}
{{- $mounts = append $mounts (dict "name" "plugins-image" "mountPath" (printf "%s/image" $base) "readOnly" true) -}}
{{- end -}}
{{- end -}}
{{- with $plugins.configMap -}}
{{- if .files -}}
{{- $paths = append $paths (printf "%s/files" $base) -}}
{{- $volumes = append $volumes (dict "name" "plugins-files" "configMap" (dict "name" (include "shotgun-stream.pluginConfigMap" $))) -}}
{{- $mounts = append $mounts (dict "name" "plugins-files" "mountPath" (printf "%s/files" $base) "readOnly" true) -}}
{{- end -}}
{{- if .existing -}}
{{- $paths = append $paths (printf "%s/configmap" $base) -}}
{{- $volumes = append $volumes (dict "name" "plugins-configmap" "configMap" (dict "name" .existing)) -}}
{{- $mounts = append $mounts (dict "name" "plugins-configmap" "mountPath" (printf "%s/configmap" $base) "readOnly" true) -}}
{{- end -}}
{{- end -}}
{{- with $plugins.pvc -}}
{{- if .claimName -}}
{{- $paths = append $paths (include "shotgun-stream.folder" (list (printf "%s/volume" $base) .path)) -}}
{{- $volumes = append $volumes (dict "name" "plugins-volume" "persistentVolumeClaim" (dict "claimName" .claimName "readOnly" true)) -}}
{{- $mounts = append $mounts (dict "name" "plugins-volume" "mountPath" (printf "%s/volume" $base) "readOnly" true) -}}
{{- end -}}
{{- end -}}
{{- with $plugins.gitSync -}}
{{- if .repo -}}
{{- $paths = append $paths (include "shotgun-stream.folder" (list (printf "%s/git/current" $base) .path)) -}}
{{- $volumes = concat $volumes (list (dict "name" "plugins-git" "emptyDir" dict) (dict "name" "git-tmp" "emptyDir" dict)) -}}
{{- if .sshSecret -}}
{{- $items := list (dict "key" .sshKey "path" "ssh") (dict "key" .knownHostsKey "path" "known_hosts") -}}
{{- $volumes = append $volumes (dict "name" "git-credentials" "secret" (dict "secretName" .sshSecret "defaultMode" 288 "items" $items)) -}}
{{- else if .httpsSecret -}}
{{- $volumes = append $volumes (dict "name" "git-credentials" "secret" (dict "secretName" .httpsSecret "defaultMode" 288 "items" (list (dict "key" .httpsPasswordKey "path" "password")))) -}}
{{- end -}}
{{- $mounts = append $mounts (dict "name" "plugins-git" "mountPath" (printf "%s/git" $base) "readOnly" true) -}}
{{- $scope := dict "root" $.root "git" . -}}
{{- $inits = append $inits (include "shotgun-stream.gitSync" (merge (dict "name" "git-sync-init" "once" true) $scope) | fromYaml) -}}
{{- $sidecars = append $sidecars (include "shotgun-stream.gitSync" (merge (dict "name" "git-sync" "once" false) $scope) | fromYaml) -}}
{{- end -}}
{{- end -}}
{{- toJson (dict "paths" $paths "volumes" $volumes "mounts" $mounts "initContainers" $inits "sidecars" $sidecars) -}}
{{- end -}}

{{- define "shotgun-stream.folder" -}}
{{- $path := index . 1 | default "" | trimAll "/" -}}
{{- if $path }}{{ printf "%s/%s" (index . 0) $path }}{{ else }}{{ index . 0 }}{{ end -}}
{{- end -}}

{{- define "shotgun-stream.gitSync" -}}
name: {{ .name }}
{{- with .git }}
image: {{ include "shotgun-stream.image" (dict "root" $.root "image" .image "where" "plugins.gitSync") | quote }}
imagePullPolicy: {{ .image.pullPolicy }}
args:
  - {{ printf "--repo=%s" .repo | quote }}
  - {{ printf "--ref=%s" .ref | quote }}
  - --root=/git
  - --link=current
  - {{ printf "--depth=%d" (int .depth) }}
  {{- if $.once }}
  - --one-time
  {{- else }}
  - {{ printf "--period=%s" .period | quote }}
  {{- end }}
  {{- if .sshSecret }}
  - --ssh-key-file=/etc/git-secret/ssh
  - --ssh-known-hosts=true
  - --ssh-known-hosts-file=/etc/git-secret/known_hosts
  {{- else if .httpsSecret }}
  - --password-file=/etc/git-secret/password
  {{- end }}
  {{- with .extraArgs }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- if and .httpsSecret (not .sshSecret) }}
env:
  - name: GITSYNC_USERNAME
    valueFrom:
      secretKeyRef: {name: {{ .httpsSecret | quote }}, key: {{ .httpsUsernameKey | quote }}}
{{- end }}
resources:
  {{- toYaml .resources | nindent 2 }}
securityContext:
  {{- toYaml $.root.Values.securityContext | nindent 2 }}
  {{- with .runAsUser }}
  runAsUser: {{ int . }}
  {{- end }}
volumeMounts:
  - {name: plugins-git, mountPath: /git}
  - {name: git-tmp, mountPath: /tmp}
  {{- if or .sshSecret .httpsSecret }}
  - {name: git-credentials, mountPath: /etc/git-secret, readOnly: true}
  {{- end }}
{{- end }}
{{- end -}}
