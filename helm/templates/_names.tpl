{{/* Names and labels. 52 characters leave room for what Kubernetes and this chart append. */}}

{{- define "sallyport.fullname" -}}
{{- $name := ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) (contains .Chart.Name .Release.Name) -}}
{{- $name | trunc 52 | trimSuffix "-" -}}
{{- end }}

{{- define "sallyport.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "sallyport.labels" -}}
{{ include "sallyport.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "sallyport.policies" -}}
{{- .Values.policies.existingConfigMap | default (printf "%s-policies" (include "sallyport.fullname" .)) -}}
{{- end }}

{{- define "sallyport.journalVolume" -}}
{{- .Values.journal.volume | default (ternary "pvc" "emptyDir" (eq .Values.mode "gateway")) -}}
{{- end }}
