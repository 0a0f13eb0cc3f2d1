{{/* config.yaml: what the chart knows, with .Values.config laid over it. */}}

{{- define "sallyport.config" -}}
{{- $gateway := eq .Values.mode "gateway" -}}
{{- $state := dict "dir" "/var/lib/sallyport/state" -}}
{{- if .Values.secret.existingSecret -}}
{{- $_ := set $state "secret_file" "/etc/sallyport-secret/secret.key" -}}
{{- end -}}
{{- if .Values.ledger.local -}}
{{- $_ := set $state "ephemeral" true -}}
{{- end -}}
{{- $policies := "/etc/sallyport-policies" -}}
{{- $computed := dict
  "version" 1
  "listen" (dict
    "agent" (printf "%s:%d" (ternary "0.0.0.0" "127.0.0.1" $gateway) (int .Values.ports.agent))
    "operator" (printf "0.0.0.0:%d" (int .Values.ports.operator))
    "hosts" (include "sallyport.hosts" . | fromJsonArray))
  "state" $state
  "policy" (dict
    "model" (printf "%s/model.conf" $policies)
    "rows" (printf "%s/policy.csv" $policies)
    "conditions" (printf "%s/conditions.yaml" $policies))
  "telemetry" (dict "log_format" "json") -}}
{{- $said := omit .Values.config "listen" -}}
{{- $listen := omit (.Values.config.listen | default dict) "hosts" -}}
{{- mergeOverwrite $computed (deepCopy $said) (dict "listen" $listen) | toYaml -}}
{{- end }}

{{/* Host headers by which the agent plane may be called, beside the loopback names it always answers to. */}}
{{- define "sallyport.hosts" -}}
{{- $hosts := list -}}
{{- if eq .Values.mode "gateway" -}}
{{- $service := include "sallyport.fullname" . -}}
{{- $space := .Release.Namespace -}}
{{- $hosts = list $service (printf "%s.%s" $service $space) (printf "%s.%s.svc" $service $space)
  (printf "%s.%s.svc.cluster.local" $service $space) -}}
{{- end -}}
{{- concat $hosts ((.Values.config.listen | default dict).hosts | default list) | uniq | toJson -}}
{{- end }}

{{/* Rolls the pods when config.yaml changes; policies are not in it, for they are read again while running. */}}
{{- define "sallyport.podAnnotations" -}}
checksum/sallyport-config: {{ list (include "sallyport.config" .) .Values.files | toJson | sha256sum }}
{{- end }}
