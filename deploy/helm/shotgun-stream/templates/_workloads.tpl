{{- /*
What the release runs, as a JSON list: the producer, and each team or each of its workers.

  kind      "producer" or "consumer"
  name      of its Deployment and of most objects that belong to it
  where     where its values stand, for messages
  labels    its own: component, team, worker
  team, groupPrefix, key, worker, only    of a consumer
  values    its own, with all defaults below them
*/ -}}
{{- define "shotgun-stream.workloads" -}}
{{- $root := . -}}
{{- $all := list -}}
{{- if .Values.producer.enabled -}}
{{- $values := include "shotgun-stream.common" $root | fromJson -}}
{{- include "shotgun-stream.layOver" (list $values .Values.producer) -}}
{{- $all = append $all (dict "kind" "producer" "name" (include "shotgun-stream.objectName" (list . "producer")) "where" "producer" "values" $values "labels" (dict "app.kubernetes.io/component" "producer")) -}}
{{- end -}}
{{- range $key, $team := .Values.teams -}}
{{- $defaults := include "shotgun-stream.common" $root | fromJson -}}
{{- include "shotgun-stream.layOver" (list $defaults $root.Values.teamDefaults) -}}
{{- include "shotgun-stream.forgetImage" (list $defaults $team) -}}
{{- include "shotgun-stream.layOver" (list $defaults (default dict $team)) -}}
{{- $workers := default dict $defaults.workers -}}
{{- $_ := unset $defaults "workers" -}}
{{- $name := default $key $defaults.team -}}
{{- $prefix := $root.Values.kafka.groupPrefix -}}
{{- if hasKey $defaults "groupPrefix" }}{{ $prefix = $defaults.groupPrefix }}{{ end -}}
{{- $common := dict "kind" "consumer" "key" $key "team" $name "groupPrefix" $prefix -}}
{{- if not $workers -}}
{{- $labels := dict "app.kubernetes.io/component" "consumer" "shotgun-stream/team" $key -}}
{{- $all = append $all (merge (dict "name" (include "shotgun-stream.objectName" (list $root (printf "consumer-%s" $key))) "where" (printf "teams.%s" $key) "values" $defaults "labels" $labels) $common) -}}
{{- end -}}
{{- range $worker, $own := $workers -}}
{{- $values := deepCopy $defaults -}}
{{- include "shotgun-stream.forgetImage" (list $values $own) -}}
{{- include "shotgun-stream.layOver" (list $values (default dict $own)) -}}
{{- $labels := dict "app.kubernetes.io/component" "consumer" "shotgun-stream/team" $key "shotgun-stream/worker" $worker -}}
{{- $all = append $all (merge (dict "name" (include "shotgun-stream.objectName" (list $root (printf "consumer-%s-%s" $key $worker))) "where" (printf "teams.%s.workers.%s" $key $worker) "worker" $worker "only" (default list $values.only) "values" $values "labels" $labels) $common) -}}
{{- end -}}
{{- end -}}
{{- toJson $all -}}
{{- end -}}

{{- /* What lies below the values of every workload, so that null there takes it away, JSON. */ -}}
{{- define "shotgun-stream.common" -}}
{{- dict "config" (default dict .Values.config) "credentials" .Values.credentials | toJson -}}
{{- end -}}

{{- /*
Takes away what is said below of an image that is not the one above: (list $below $above). A digest below would go
before a tag above, and both belong to their repository.
*/ -}}
{{- define "shotgun-stream.forgetImage" -}}
{{- $image := default dict (index . 0).image -}}
{{- with (default dict (index . 1)).image -}}
{{- if .repository }}{{ $_ := unset $image "tag" }}{{ end -}}
{{- if or .repository .tag }}{{ $_ := unset $image "digest" }}{{ end -}}
{{- end -}}
{{- end -}}

{{- /* What tells a workload's pods from all others: (dict "root" $ "workload" $w). Never changes in a workload's life. */ -}}
{{- define "shotgun-stream.selector" -}}
{{- toYaml (mustMergeOverwrite (include "shotgun-stream.releaseLabels" .root | fromYaml) (deepCopy .workload.labels)) -}}
{{- end -}}

{{- /* Labels of pods: the user's may say more, and nothing else than the selector. */ -}}
{{- define "shotgun-stream.podLabels" -}}
{{- $labels := mustMergeOverwrite (deepCopy (default dict .root.Values.commonLabels)) (deepCopy (default dict .workload.values.podLabels)) -}}
{{- toYaml (mustMergeOverwrite $labels (include "shotgun-stream.selector" . | fromYaml)) -}}
{{- end -}}

{{- define "shotgun-stream.isScaled" -}}
{{- with .values -}}
{{- if or (default dict .autoscaling).enabled (default dict .keda).enabled }}true{{ end -}}
{{- end -}}
{{- end -}}

{{- /* How pods are replaced, YAML. The defaults of rollingUpdate lie below each strategy, and no other one may have them. */ -}}
{{- define "shotgun-stream.strategy" -}}
{{- with .strategy -}}
{{- eq (default "RollingUpdate" .type) "RollingUpdate" | ternary . (omit . "rollingUpdate") | toYaml -}}
{{- end -}}
{{- end -}}
