{{/* Names leave room for what is behind them: -<hash> of a Job, and its pods' -<index>. */}}
{{- define "keepone.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "keepone.fullname" -}}
{{- $name := include "keepone.name" . -}}
{{- $full := .Release.Name -}}
{{- if not (contains $name .Release.Name) -}}
{{- $full = printf "%s-%s" .Release.Name $name -}}
{{- end -}}
{{- .Values.fullnameOverride | default $full | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "keepone.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "keepone.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{- define "keepone.keySecret" -}}
{{- .Values.mpi.existingSecret | default (printf "%s-ssh" (include "keepone.fullname" .)) -}}
{{- end -}}

{{- define "keepone.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{/* Of pods: nothing that changes with the chart's version, since a Job's pods cannot. */}}
{{- define "keepone.selectorLabels" -}}
app.kubernetes.io/name: {{ include "keepone.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* A peer of a NetworkPolicy. */}}
{{- define "keepone.ranks" -}}
- podSelector:
    matchLabels:
      {{- include "keepone.selectorLabels" . | nindent 6 }}
      app.kubernetes.io/component: run
{{- end -}}

{{/* The port of a URL. */}}
{{- define "keepone.port" -}}
{{- $url := urlParse . -}}
{{- regexFind ":[0-9]+$" $url.host | trimPrefix ":" | default (ternary "443" "80" (eq $url.scheme "https")) -}}
{{- end -}}

{{- define "keepone.labels" -}}
{{ include "keepone.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/*
The same values give the same name: nothing starts anew.  What a Job cannot change later, its pods, its
job file, is in the hash.
*/}}
{{- define "keepone.hash" -}}
{{- $fixed := include "keepone.jobFixed" (dict "root" . "config" "") -}}
{{- printf "%s\n%s\n%s" $fixed (include "keepone.jobFile" .) (toString .Values.again) | sha256sum | trunc 8 -}}
{{- end -}}

{{- define "keepone.configName" -}}
{{- printf "%s-%s" (include "keepone.fullname" .) (include "keepone.hash" .) -}}
{{- end -}}
