{{/* What a schema cannot say: values that contradict each other. Each message names the value and what to write. */}}

{{- define "sallyport.checks" -}}
{{- include "sallyport.checkLedger" . -}}
{{- include "sallyport.checkJournal" . -}}
{{- include "sallyport.checkMode" . -}}
{{- include "sallyport.checkConfig" . -}}
{{- end }}

{{- define "sallyport.checkLedger" -}}
{{- $redis := .Values.ledger.redis -}}
{{- $given := or $redis.url $redis.existingSecret -}}
{{- if and .Values.ledger.local $given -}}
{{- fail "ledger.local and ledger.redis are both set: the ledger is in one place. Drop ledger.local to share it by Redis." -}}
{{- else if not (or .Values.ledger.local $given) -}}
{{- fail "ledger.redis: the ledger must outlive the pod. Set ledger.redis.existingSecret (or ledger.redis.url), or accept with ledger.local=true that a call may repeat after a reschedule." -}}
{{- else if and $redis.url $redis.existingSecret -}}
{{- fail "ledger.redis.url and ledger.redis.existingSecret are both set: keep one of them." -}}
{{- else if and $given (not .Values.secret.existingSecret) -}}
{{- fail "secret.existingSecret: gateways on one Redis share one secret. Create it (docs/deploy.md) and name it here." -}}
{{- else if hasKey ($.Values.config.state | default dict) "ephemeral" | and (not (and .Values.ledger.local (eq (include "sallyport.journalVolume" .) "pvc"))) -}}
{{- fail "config.state.ephemeral: yours to say only with ledger.local=true and journal.volume=pvc; the chart knows the rest." -}}
{{- else if and .Values.ledger.local (gt (int .Values.replicas) 1) -}}
{{- fail "replicas: with ledger.local=true each pod would keep a ledger of its own and a retry could execute twice. Use Redis, or one replica." -}}
{{- end -}}
{{- end }}

{{- define "sallyport.checkJournal" -}}
{{- $claim := .Values.journal.existingClaim -}}
{{- $shared := and (eq .Values.mode "sidecar") (eq (include "sallyport.journalVolume" .) "pvc") -}}
{{- if and $shared (not $claim) -}}
{{- fail "journal.existingClaim: with mode sidecar, journal.volume=pvc needs a claim of the agent's one pod." -}}
{{- else if and $claim (not $shared) -}}
{{- fail "journal.existingClaim is used only by journal.volume=pvc with mode sidecar: remove it." -}}
{{- else if and $shared (gt (int .Values.replicas) 1) -}}
{{- fail "replicas: one process owns a journal; with journal.volume=pvc and mode sidecar there can be only one pod." -}}
{{- end -}}
{{- end }}

{{- define "sallyport.checkMode" -}}
{{- if eq .Values.mode "gateway" -}}
{{- if .Values.agent.image -}}{{- fail "agent.image is for mode sidecar: a gateway has pods of its own." -}}{{- end -}}
{{- if .Values.plainContainer -}}{{- fail "plainContainer is for mode sidecar: a gateway is no sidecar." -}}{{- end -}}
{{- else -}}
{{- $version := .Values.kubeVersion | default .Capabilities.KubeVersion.Version -}}
{{- if and (not .Values.plainContainer) (semverCompare "<1.29.0-0" $version) -}}
{{- fail (printf "plainContainer: Kubernetes %s has no native sidecars (1.29 or newer does). Set plainContainer=true." $version) -}}
{{- end -}}
{{- end -}}
{{- if eq (int .Values.ports.agent) (int .Values.ports.operator) -}}
{{- fail "ports.agent and ports.operator are the same: agents must never reach the operator plane." -}}
{{- end -}}
{{- if lt (int .Values.terminationGracePeriodSeconds) (add 35 (int .Values.preStopSeconds) | int) -}}
{{- fail "terminationGracePeriodSeconds: must be at least preStopSeconds + 35, or calls in flight end in doubt." -}}
{{- end -}}
{{- end }}

{{- define "sallyport.checkConfig" -}}
{{- $instead := dict
  "listen.agent" "ports.agent" "listen.operator" "ports.operator" "state.dir" "journal"
  "state.store" "ledger.redis" "state.secret_file" "secret.existingSecret"
  "policy.model" "policies" "policy.rows" "policies" "policy.conditions" "policies" -}}
{{- range $key, $value := $instead -}}
{{- $parts := splitList "." $key -}}
{{- if hasKey (get $.Values.config (first $parts) | default dict) (last $parts) -}}
{{- fail (printf "config.%s: the chart writes it; set %s instead." $key $value) -}}
{{- end -}}
{{- end -}}
{{- range $id, $upstream := .Values.config.upstreams -}}
{{- include "sallyport.checkSecrets" (list (printf "upstreams.%s.headers" $id) $upstream.headers) -}}
{{- include "sallyport.checkSecrets" (list (printf "upstreams.%s.env" $id) $upstream.env) -}}
{{- end -}}
{{- include "sallyport.checkSecrets" (list "telemetry.otlp_headers" (.Values.config.telemetry | default dict).otlp_headers) -}}
{{- if hasKey .Values.files "config.yaml" -}}{{- fail "files: config.yaml is written from config." -}}{{- end -}}
{{- end }}

{{/* A credential written out would stand in a ConfigMap for everybody to read. */}}
{{- define "sallyport.checkSecrets" -}}
{{- $place := first . -}}
{{- range $name, $value := last . -}}
{{- if and (regexMatch "(?i)auth|token|key|secret|passw|cookie" $name) (not (contains "${env:" (toString $value))) -}}
{{- fail (printf "config.%s.%s: write ${env:NAME} here and give NAME from a Secret with extraEnv." $place $name) -}}
{{- end -}}
{{- end -}}
{{- end }}
