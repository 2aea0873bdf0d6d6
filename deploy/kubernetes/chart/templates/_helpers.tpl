{{- define "bailiwick.name" -}}
{{- .Release.Name | trunc 53 | trimSuffix "-" -}}
{{- end -}}

{{- define "bailiwick.selector" -}}
app.kubernetes.io/name: bailiwick
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "bailiwick.labels" -}}
{{ include "bailiwick.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "bailiwick.port" -}}
{{- if .Values.hostNetwork -}}53{{- else -}}5300{{- end -}}
{{- end -}}

{{- /* The file of the server. */ -}}
{{- define "bailiwick.config" -}}
{{- $port := include "bailiwick.port" . -}}
{{- $own := list "listen" "admin" "shutdown" -}}
{{- if .Values.hostNetwork -}}
{{- $own = append $own "process" -}}
{{- end -}}
{{- range $key := $own -}}
{{- if hasKey $.Values.config $key -}}
{{- fail (printf "config.%s is the chart's: see ipv6, hostNetwork and drainSeconds" $key) -}}
{{- end -}}
{{- end -}}
{{- $at := list (printf "0.0.0.0:%s" $port) -}}
{{- if .Values.ipv6 -}}
{{- $at = append $at (printf "[::]:%s" $port) -}}
{{- end -}}
{{- if .Values.hostNetwork -}}
{{- $at = list (printf "${NODE_IP}:%s" $port) -}}
{{- end -}}
{{- $admin := ternary "[::]:5380" "0.0.0.0:5380" .Values.ipv6 -}}
{{- if .Values.hostNetwork -}}
{{- $admin = "${NODE_IP}:5380" -}}
{{- end -}}
listen:
  udp: {{ toJson $at }}
  tcp: {{ toJson $at }}
admin:
  listen: {{ quote $admin }}
shutdown:
  wait: {{ .Values.drainSeconds }}s
{{- if .Values.hostNetwork }}
process:
  user: "65534:65534"
{{- end }}
{{- with .Values.config }}
{{ toYaml . }}
{{- end }}
{{- end -}}
