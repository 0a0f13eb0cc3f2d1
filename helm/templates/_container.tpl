{{/*
The gateway's container and its volumes. A chart of yours includes them with the subchart's own scope:

  initContainers:
    {{- include "sallyport.sidecar" .Subcharts.sallyport | nindent 4 }}
  volumes:
    {{- include "sallyport.volumes" .Subcharts.sallyport | nindent 4 }}
*/}}

{{/* A list of one: under initContainers, or under containers with plainContainer. */}}
{{- define "sallyport.sidecar" -}}
- {{ include "sallyport.container" . | nindent 2 | trim }}
{{- if not .Values.plainContainer }}
  restartPolicy: Always
{{- end }}
{{- end }}

{{- define "sallyport.container" -}}
name: sallyport
image: {{ printf "%s:%s" (required "image.repository: name the image you built and pushed." .Values.image.repository) (.Values.image.tag | default .Chart.AppVersion) | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
ports:
{{- if eq .Values.mode "gateway" }}
  - {name: agent, containerPort: {{ int .Values.ports.agent }}}
{{- end }}
  - {name: operator, containerPort: {{ int .Values.ports.operator }}}
{{- $redis := .Values.ledger.redis }}
{{- if or $redis.url $redis.existingSecret .Values.extraEnv }}
env:
{{- if $redis.url }}
  - name: SALLYPORT_STATE__STORE
    value: {{ $redis.url | quote }}
{{- else if $redis.existingSecret }}
  - name: SALLYPORT_STATE__STORE
    valueFrom:
      secretKeyRef: {name: {{ quote $redis.existingSecret }}, key: {{ quote $redis.key }}}
{{- end }}
{{- with .Values.extraEnv }}
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
startupProbe:
  httpGet: {path: /startupz, port: operator}
  periodSeconds: 1
  timeoutSeconds: 5
  failureThreshold: 120
readinessProbe:
  httpGet: {path: /readyz, port: operator}
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: 2
livenessProbe:
  httpGet: {path: /livez, port: operator}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
{{- /* A native sidecar is told to stop after its agent ended: there is nobody left to serve meanwhile. */}}
{{- if and .Values.preStopSeconds (or .Values.plainContainer (eq .Values.mode "gateway")) }}
lifecycle:
  preStop:
    exec:
      command: [python, -c, import time; time.sleep({{ int .Values.preStopSeconds }})]
{{- end }}
{{- with .Values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  readOnlyRootFilesystem: true
  allowPrivilegeEscalation: false
  capabilities: {drop: [ALL]}
  seccompProfile: {type: RuntimeDefault}
volumeMounts:
  - {name: sallyport-config, mountPath: /etc/sallyport, readOnly: true}
  - {name: sallyport-policies, mountPath: /etc/sallyport-policies, readOnly: true}
{{- if .Values.secret.existingSecret }}
  - {name: sallyport-secret, mountPath: /etc/sallyport-secret, readOnly: true}
{{- end }}
  - {name: sallyport-state, mountPath: /var/lib/sallyport}
  - {name: sallyport-tmp, mountPath: /tmp}
{{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Everything the container mounts but a claim template's volume. Whole folders: a subPath would never be updated. */}}
{{- define "sallyport.volumes" -}}
{{- $journal := include "sallyport.journalVolume" . -}}
- name: sallyport-config
  projected:
    defaultMode: 0444
    sources:
      - configMap: {name: {{ include "sallyport.fullname" . }}-config}
- name: sallyport-policies
  projected:
    defaultMode: 0444
    sources:
      - configMap: {name: {{ include "sallyport.policies" . | quote }}}
{{- with .Values.secret.existingSecret }}
- name: sallyport-secret
  projected:
    defaultMode: 0444
    sources:
      - secret:
          name: {{ quote . }}
          items: [{key: {{ quote $.Values.secret.key }}, path: secret.key}]
{{- end }}
- name: sallyport-tmp
  emptyDir: {}
{{- if eq $journal "emptyDir" }}
- name: sallyport-state
  emptyDir: {}
{{- else if eq $journal "ephemeral" }}
- name: sallyport-state
  ephemeral:
    volumeClaimTemplate:
      spec:
        {{- include "sallyport.claim" . | nindent 8 }}
{{- else if .Values.journal.existingClaim }}
- name: sallyport-state
  persistentVolumeClaim: {claimName: {{ quote .Values.journal.existingClaim }}}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "sallyport.claim" -}}
accessModes: [ReadWriteOnce]
{{- with .Values.journal.storageClass }}
storageClassName: {{ quote . }}
{{- end }}
resources: {requests: {storage: {{ quote .Values.journal.size }}}}
{{- end }}

{{/* What every pod of this chart has beside containers and volumes. */}}
{{- define "sallyport.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
shareProcessNamespace: false
terminationGracePeriodSeconds: {{ int .Values.terminationGracePeriodSeconds }}
{{- with .Values.serviceAccountName }}
serviceAccountName: {{ quote . }}
{{- end }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext: {fsGroup: 65532, fsGroupChangePolicy: OnRootMismatch}
{{- with .Values.scheduling }}
{{ toYaml . }}
{{- end }}
{{- if not .Values.scheduling.topologySpreadConstraints }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "sallyport.selectorLabels" . | nindent 8 }}
{{- end }}
{{- end }}
