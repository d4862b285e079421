{{- /* Topics and users for Strimzi. The settings are those of schemas/shotgun_schemas/topics.py. */ -}}

{{- /* All topics of this release, JSON list of {name, object, partitions, config}. */ -}}
{{- define "shotgun-stream.topics" -}}
{{- $stream := include "shotgun-stream.stream" . | fromJson -}}
{{- $compacted := dict "cleanup.policy" "compact" "segment.bytes" "16777216" "segment.ms" "3600000" "min.cleanable.dirty.ratio" "0.1" -}}
{{- $topics := list -}}
{{- if .Values.producer.enabled -}}
{{- $events := dict "cleanup.policy" "delete" "retention.ms" "-1" "message.timestamp.type" "CreateTime" "message.timestamp.after.max.ms" "9223372036854775807" "max.message.bytes" "9437184" -}}
{{- $topics = append $topics (dict "name" $stream.topic "object" "events" "partitions" $stream.partitions "config" $events) -}}
{{- $topics = append $topics (dict "name" $stream.checkpoint_topic "object" "checkpoint" "partitions" 1 "config" $compacted) -}}
{{- $topics = append $topics (dict "name" $stream.control_topic "object" "control" "partitions" 1 "config" $compacted) -}}
{{- end -}}
{{- $seen := dict -}}
{{- range include "shotgun-stream.workloads" . | fromJsonArray -}}
{{- if and (eq .kind "consumer") (not (hasKey $seen .key)) -}}
{{- $_ := set $seen .key true -}}
{{- $topics = append $topics (dict "name" (printf "%s.%s" $stream.dead_letter_topic .team) "object" (printf "dead-letters-%s" .key) "partitions" 1 "config" (dict "cleanup.policy" "compact" "max.message.bytes" "9437184")) -}}
{{- end -}}
{{- end -}}
{{- toJson $topics -}}
{{- end -}}

{{- /* config.stream with the services' defaults, JSON. */ -}}
{{- define "shotgun-stream.stream" -}}
{{- $stream := dict "topic" "shotgun.events" "checkpoint_topic" "shotgun.events.checkpoint" "control_topic" "shotgun.events.control" "dead_letter_topic" "shotgun.events.dead-letters" "partitions" 1 -}}
{{- include "shotgun-stream.layOver" (list $stream (default dict .Values.config.stream)) -}}
{{- toJson $stream -}}
{{- end -}}

{{- /* (list "topic" name "literal" operations..) as one rule of Strimzi's. */ -}}
{{- define "shotgun-stream.acl" -}}
- resource:
    type: {{ index . 0 }}
    name: {{ index . 1 | quote }}
    patternType: {{ index . 2 }}
  operations: {{ toJson (slice . 3) }}
{{- end -}}

{{- /* What the services need, by the tables in docs/producer.md and docs/consumer.md: (dict "root" $ "workload" $w). */ -}}
{{- define "shotgun-stream.acls" -}}
{{- $stream := include "shotgun-stream.stream" .root | fromJson -}}
{{- if eq .workload.kind "producer" -}}
{{- range list $stream.topic $stream.checkpoint_topic $stream.control_topic }}
{{ include "shotgun-stream.acl" (list "topic" . "literal" "Read" "Write" "Describe" "DescribeConfigs") }}
{{- end }}
{{ include "shotgun-stream.acl" (list "group" (printf "shotgun-producer.%s" $stream.topic) "literal" "Read" "Describe") }}
{{ include "shotgun-stream.acl" (list "group" "shotgun-stream.reader" "literal" "Describe") }}
{{ include "shotgun-stream.acl" (list "transactionalId" (printf "shotgun-producer.%s" $stream.topic) "literal" "Write" "Describe") }}
{{- else -}}
{{ include "shotgun-stream.acl" (list "topic" $stream.topic "literal" "Read" "Describe" "DescribeConfigs") }}
{{ include "shotgun-stream.acl" (list "topic" $stream.control_topic "literal" "Read" "Write" "Describe" "DescribeConfigs") }}
{{ include "shotgun-stream.acl" (list "topic" (printf "%s.%s" $stream.dead_letter_topic .workload.team) "literal" "Read" "Write" "Describe" "DescribeConfigs") }}
{{ include "shotgun-stream.acl" (list "group" (printf "%s%s." .workload.groupPrefix .workload.team) "prefix" "Read" "Describe") }}
{{ include "shotgun-stream.acl" (list "group" "shotgun-stream.reader" "literal" "Describe") }}
{{- end -}}
{{- end -}}
