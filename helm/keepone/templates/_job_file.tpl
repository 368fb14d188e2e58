{{- define "keepone.verb" -}}
{{- .Values.job.verb | default "find" -}}
{{- end -}}

{{/*
job: as YAML.  Values of Helm are JSON: a whole number may come as a float, which toYaml would write as
1e+06; texts are quoted, so that none turns into something else.
*/}}
{{- define "keepone.jobFile" -}}
{{- range $name, $value := .Values.job }}
{{ $name }}: {{ if and (kindIs "float64" $value) (eq $value (floor $value)) -}}
{{ printf "%.0f" $value }}
{{- else -}}
{{ toRawJson $value }}
{{- end }}
{{- end }}
{{- end -}}

{{/* "true" if the verb works on a run directory. */}}
{{- define "keepone.hasRun" -}}
{{- $verb := include "keepone.verb" . -}}
{{- if or (has $verb (list "find" "dedup" "apply" "undo" "show" "plan")) .Values.job.run -}}
true
{{- end -}}
{{- end -}}

{{- define "keepone.base" -}}
{{- .Values.runs.s3 | default "/runs" | trimSuffix "/" -}}
{{- end -}}

{{/* The run directory; Kubernetes puts the Job's name in place of $(KEEPONE_JOB). */}}
{{- define "keepone.run" -}}
{{- $run := .Values.job.run | default "$(KEEPONE_JOB)" -}}
{{- if or (hasPrefix "/" $run) (contains "://" $run) -}}
{{- $run -}}
{{- else -}}
{{- printf "%s/%s" (include "keepone.base" .) $run -}}
{{- end -}}
{{- end -}}

{{/* The claim that holds the runs; empty if they are on S3, or if there are none. */}}
{{- define "keepone.claim" -}}
{{- if and (include "keepone.hasRun" .) (not .Values.runs.s3) -}}
{{- .Values.runs.existingClaim | default (printf "%s-runs" (include "keepone.fullname" .)) -}}
{{- end -}}
{{- end -}}

{{/* What the schema cannot say in a sentence that helps. */}}
{{- define "keepone.check" -}}
{{- $job := .Values.job -}}
{{- $verb := include "keepone.verb" . -}}
{{- $makesPlan := has $verb (list "find" "dedup") -}}
{{- if not $job -}}
{{- fail "job is empty: describe the job, at least job.table, job.key and job.keep (see the chart's values.yaml)" -}}
{{- end -}}
{{- if hasKey $job "yes" -}}
{{- fail "job.yes is the chart's to give: leave it out and set confirm: true" -}}
{{- end -}}
{{- if and (has $verb (list "apply" "dedup" "undo")) (ne (toString .Values.confirm) "true") -}}
{{- fail (printf "job.verb is %s, which writes to the table: set confirm: true if that is what you want" $verb) -}}
{{- end -}}
{{- if and (has $verb (list "apply" "dedup")) (not (index $job "max-delete")) -}}
{{- fail (printf "job.verb is %s: set job.max-delete, the most items that may be deleted" $verb) -}}
{{- end -}}
{{- if and $makesPlan (not (or $job.table $job.export)) -}}
{{- fail "there is nothing to read: set job.table or job.export" -}}
{{- end -}}
{{- range $name := ternary (list "key" "keep") (list) $makesPlan -}}
{{- if not (index $job $name) -}}
{{- fail (printf "job.%s is missing, and job.verb is %s" $name $verb) -}}
{{- end -}}
{{- end -}}
{{- if and (has $verb (list "apply" "undo" "show" "plan")) (not $job.run) -}}
{{- fail (printf "job.verb is %s: set job.run, the name of the run as find's Job had it" $verb) -}}
{{- end -}}
{{- if and .Values.schedule $job.run -}}
{{- fail "schedule starts a new run each time: leave job.run out, or leave schedule out" -}}
{{- end -}}
{{- if and .Values.runs.s3 .Values.runs.existingClaim -}}
{{- fail "runs.s3 and runs.existingClaim are both set: runs are in one place" -}}
{{- end -}}
{{- end -}}
