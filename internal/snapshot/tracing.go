// What traces are sent with: header fields, authorities and a certificate.

package snapshot

import (
	"bailiwick/internal/config"
	"bailiwick/internal/pemfile"
	"bailiwick/internal/secrets"
	"bailiwick/internal/tracing"
)

// loadTracing completes the configuration of traces with all that it names.
func loadTracing(cfg *config.Config) (s tracing.Settings, found config.Findings) {
	if s.Config = cfg.Tracing; s.Endpoint == "" {
		return s, nil
	}
	wrong := func(key, what string, err error) {
		if err != nil {
			found = append(found, cfg.Error(key, "%s of traces: %v", what, err))
		}
	}
	var err error
	if s.HeadersFile != "" {
		s.Headers, err = secrets.Headers(s.HeadersFile)
		wrong("tracing.headers_file", "header fields", err)
	}
	if s.TLSRoots != "" {
		s.Roots, err = pemfile.OpenTrusted(s.TLSRoots)
		wrong("tracing.tls_ca", "tls_ca", err)
	}
	if s.TLSCertificate != "" && s.TLSKey != "" {
		s.Certificate, err = pemfile.OpenOwn(s.TLSCertificate, s.TLSKey)
		wrong("tracing.tls_certificate", "certificate", err)
	}
	return s, append(found, exposed(cfg, "tracing.headers_file", s.HeadersFile)...)
}
