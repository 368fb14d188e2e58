{{/* What every pod of the chart has: the account, and nothing that `restricted` pod security forbids. */}}
{{- define "keepone.podCommon" -}}
restartPolicy: Never
serviceAccountName: {{ include "keepone.serviceAccountName" . }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- end -}}

{{- define "keepone.containerCommon" -}}
image: {{ include "keepone.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
terminationMessagePolicy: FallbackToLogsOnError
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- with .Values.aws.existingSecret }}
envFrom:
  - secretRef:
      name: {{ . }}
{{- end }}
{{- end -}}

{{/* Environment of every container: the region, and what the values add. */}}
{{- define "keepone.env" -}}
{{- with .Values.job.region }}
- name: AWS_REGION
  value: {{ . | quote }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "keepone.args" -}}
{{- $verb := include "keepone.verb" . -}}
- run
- /etc/keepone/job.yaml
{{- if include "keepone.hasRun" . }}
- --run
- {{ include "keepone.run" . | quote }}
{{- end }}
{{- if and (has $verb (list "find" "dedup" "apply" "undo" "plan")) (not (hasKey .Values.job "wait-lease")) }}
- --wait-lease
- "180" # a pod that was lost has the run for two minutes more
{{- end }}
{{- if and (has $verb (list "apply" "dedup" "undo")) .Values.confirm }}
- --yes
{{- end }}
{{- end -}}

{{- define "keepone.runEnv" -}}
{{- $passed := list -}}
- name: KEEPONE_JOB
  valueFrom:
    fieldRef:
      fieldPath: metadata.labels['batch.kubernetes.io/job-name']
- name: KEEPONE_PODS
  value: {{ .Values.pods | int64 | quote }}
- name: KEEPONE_RANKS
  value: {{ .Values.ranksPerPod | int64 | quote }}
- name: KEEPONE_SCRATCH
  value: /scratch
# some container runtimes forbid one rank to read another's memory, and Open MPI says so line by line
- name: OMPI_MCA_btl_vader_single_copy_mechanism
  value: none
{{- if and .Values.schedule (include "keepone.hasRun" .) }}
- name: KEEPONE_RUNS
  value: {{ include "keepone.base" . | quote }}
{{- end }}
{{- if gt (int64 .Values.pods) 1 }}
- name: KEEPONE_SERVICE
  value: {{ include "keepone.fullname" . }}
- name: KEEPONE_KEYS
  value: /etc/keepone/ssh
- name: KEEPONE_START_SECONDS
  value: {{ .Values.mpi.startSeconds | int64 | quote }}
{{- with .Values.mpi.network }}
- name: KEEPONE_NETWORK
  value: {{ . | quote }}
{{- end }}
{{- range .Values.extraEnv }}
{{- $passed = append $passed .name }}
{{- end }}
{{- with $passed }}
- name: KEEPONE_PASS
  value: {{ join " " . | quote }}
{{- end }}
{{- end }}
{{- with include "keepone.env" . | trim }}
{{ . }}
{{- end }}
{{- end -}}

{{- define "keepone.mounts" -}}
- name: job
  mountPath: /etc/keepone/job.yaml
  subPath: job.yaml
  readOnly: true
- name: tmp
  mountPath: /tmp
- name: shm
  mountPath: /dev/shm
- name: scratch
  mountPath: /scratch
{{- if include "keepone.claim" . }}
- name: runs
  mountPath: /runs
{{- end }}
{{- if gt (int64 .Values.pods) 1 }}
- name: ssh
  mountPath: /etc/keepone/ssh
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "keepone.volumes" -}}
{{- $root := .root -}}
{{- with .root.Values -}}
- name: job
  configMap:
    name: {{ $.config | quote }}
- name: tmp
  emptyDir:
    sizeLimit: 1Gi
- name: shm
  emptyDir:
    medium: Memory
    sizeLimit: {{ .shm }}
- name: scratch
{{- if .scratch.storageClass }}
  ephemeral:
    volumeClaimTemplate:
      spec:
        accessModes: [ReadWriteOnce]
        storageClassName: {{ .scratch.storageClass }}
        resources:
          requests:
            storage: {{ .scratch.size }}
{{- else }}
  emptyDir:
    sizeLimit: {{ .scratch.size }}
{{- end }}
{{- with include "keepone.claim" $root }}
- name: runs
  persistentVolumeClaim:
    claimName: {{ . }}
{{- end }}
{{- if gt (int64 .pods) 1 }}
- name: ssh
  secret:
    secretName: {{ include "keepone.keySecret" $root }}
    defaultMode: 0440
{{- end }}
{{- with .extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Of a container that asks AWS something. */}}
{{- define "keepone.testBody" -}}
resources:
  requests:
    cpu: 100m
    memory: 128Mi
  limits:
    memory: 256Mi
{{- with include "keepone.env" . | trim }}
env:
  {{- . | nindent 2 }}
{{- end }}
volumeMounts:
  - name: tmp
    mountPath: /tmp
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{- define "keepone.testVolumes" -}}
- name: tmp
  emptyDir: {}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Some options of the job file, as words of a command line. */}}
{{- define "keepone.jobOptions" -}}
{{- $options := list }}
{{- range $name := .names }}
{{- with index $.job $name }}
{{- $options = append $options (printf "--%s=%s" $name .) }}
{{- end }}
{{- end }}
{{- with $options }}
{{- toYaml . }}
{{- end }}
{{- end -}}
