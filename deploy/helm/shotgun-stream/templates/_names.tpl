{{- /* Names and labels. */ -}}

{{- define "shotgun-stream.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "shotgun-stream.fullname" -}}
{{- $name := include "shotgun-stream.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- include "shotgun-stream.short" (list .Values.fullnameOverride 52) -}}
{{- else if contains $name .Release.Name -}}
{{- include "shotgun-stream.short" (list .Release.Name 52) -}}
{{- else -}}
{{- include "shotgun-stream.short" (list (printf "%s-%s" .Release.Name $name) 52) -}}
{{- end -}}
{{- end -}}

{{- /* A name of at most so many characters; what is cut off lives on in a hash, so that two long names stay two. */ -}}
{{- define "shotgun-stream.short" -}}
{{- $name := index . 0 -}}
{{- $most := index . 1 | int -}}
{{- if gt (len $name) $most -}}
{{- printf "%s-%s" (trunc (int (sub $most 9)) $name | trimSuffix "-") (sha256sum $name | trunc 8) -}}
{{- else -}}
{{- $name | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- /* Name of an object of the release: (list $ "producer"). 52 leaves room for what others add, such as KEDA. */ -}}
{{- define "shotgun-stream.objectName" -}}
{{- include "shotgun-stream.short" (list (printf "%s-%s" (include "shotgun-stream.fullname" (index . 0)) (index . 1)) 52) -}}
{{- end -}}

{{- define "shotgun-stream.releaseLabels" -}}
app.kubernetes.io/name: {{ include "shotgun-stream.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- /* Labels of objects: (dict "root" $ "labels" (dict ..)). They follow the version, so no selector may hold them. */ -}}
{{- define "shotgun-stream.labels" -}}
{{- $root := .root -}}
{{- $labels := deepCopy (default dict $root.Values.commonLabels) -}}
{{- $labels = mustMergeOverwrite $labels (deepCopy (default dict .labels)) (include "shotgun-stream.releaseLabels" $root | fromYaml) -}}
{{- $_ := set $labels "helm.sh/chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-") -}}
{{- $_ := set $labels "app.kubernetes.io/version" ($root.Chart.AppVersion | replace "+" "_" | trunc 63) -}}
{{- $_ := set $labels "app.kubernetes.io/managed-by" $root.Release.Service -}}
{{- $_ := set $labels "app.kubernetes.io/part-of" "shotgun-stream" -}}
{{- toYaml $labels -}}
{{- end -}}

{{- /* Annotations of an object, with the word before them, or nothing: (dict "root" $ "annotations" (dict ..)). */ -}}
{{- define "shotgun-stream.annotations" -}}
{{- with mustMergeOverwrite (deepCopy (default dict .root.Values.commonAnnotations)) (deepCopy (default dict .annotations)) -}}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end -}}
{{- end -}}

{{- define "shotgun-stream.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "shotgun-stream.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- /* (dict "root" $ "image" (dict ..) "where" "teams.anim"): the image's full name. */ -}}
{{- define "shotgun-stream.image" -}}
{{- $image := deepCopy .root.Values.image -}}
{{- $own := default dict .image -}}
{{- if $own.repository -}}
{{- if not (or $own.tag $own.digest) -}}
{{- fail (printf "%s.image.tag is missing: the image %s is not the chart's own, so its tag cannot be known; set %s.image.tag or .digest" .where $own.repository .where) -}}
{{- end -}}
{{- $image = $own -}}
{{- else -}}
{{- $image = mustMergeOverwrite $image (deepCopy $own) -}}
{{- if and $own.tag (not $own.digest) }}{{ $_ := unset $image "digest" }}{{ end -}}
{{- end -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository (default .root.Chart.AppVersion (toString (default "" $image.tag))) -}}
{{- end -}}
{{- end -}}

{{- define "shotgun-stream.pullPolicy" -}}
{{- default .root.Values.image.pullPolicy (default dict .image).pullPolicy -}}
{{- end -}}
