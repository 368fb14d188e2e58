{{/* The part of a Job that cannot be changed later.  root: the chart; config: the ConfigMap's name. */}}
{{- define "keepone.jobFixed" -}}
{{- $root := .root -}}
{{- with .root.Values -}}
completions: {{ int64 .pods }}
parallelism: {{ int64 .pods }}
{{- if gt (int64 .pods) 1 }}
completionMode: Indexed
{{- end }}
podFailurePolicy:
  rules:
    # a pod that had to give way says nothing about the run
    - action: Ignore
      onPodConditions:
        - type: DisruptionTarget
          status: "True"
    # what another try cannot change: bad job file, refused, not clean, items failed, no access,
    # corrupt file, too little memory, bug
    - action: FailJob
      onExitCodes:
        containerName: keepone
        operator: In
        values: [2, 3, 4, 5, 22, 31, 40, 70]
template:
  metadata:
    labels:
      {{- include "keepone.selectorLabels" $root | nindent 6 }}
      app.kubernetes.io/component: run
      {{- with .podLabels }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
    {{- with .podAnnotations }}
    annotations:
      {{- toYaml . | nindent 6 }}
    {{- end }}
  spec:
    {{- include "keepone.podCommon" $root | nindent 4 }}
    terminationGracePeriodSeconds: {{ int64 .terminationGracePeriodSeconds }}
    {{- if gt (int64 .pods) 1 }}
    subdomain: {{ include "keepone.fullname" $root }}
    {{- with .spread }}
    topologySpreadConstraints:
      - maxSkew: 1
        topologyKey: kubernetes.io/hostname
        whenUnsatisfiable: {{ . }}
        labelSelector:
          matchLabels:
            {{- include "keepone.selectorLabels" $root | nindent 12 }}
            app.kubernetes.io/component: run
    {{- end }}
    {{- end }}
    containers:
      - name: keepone
        {{- include "keepone.containerCommon" $root | nindent 8 }}
        args:
          {{- include "keepone.args" $root | nindent 10 }}
        env:
          {{- include "keepone.runEnv" $root | nindent 10 }}
        {{- if gt (int64 .pods) 1 }}
        ports:
          - name: ssh
            containerPort: 2222
        {{- end }}
        resources:
          {{- toYaml .resources | nindent 10 }}
        volumeMounts:
          {{- include "keepone.mounts" $root | nindent 10 }}
    volumes:
      {{- include "keepone.volumes" (dict "root" $root "config" $.config) | nindent 6 }}
{{- end }}
{{- end -}}

{{- define "keepone.jobSpec" -}}
backoffLimit: {{ int64 .Values.backoffLimit }}
{{- with .Values.deadlineSeconds }}
activeDeadlineSeconds: {{ int64 . }}
{{- end }}
{{- if not (kindIs "invalid" .Values.ttlSecondsAfterFinished) }}
ttlSecondsAfterFinished: {{ int64 .Values.ttlSecondsAfterFinished }}
{{- end }}
{{ include "keepone.jobFixed" (dict "root" . "config" (include "keepone.configName" .)) }}
{{- end -}}
