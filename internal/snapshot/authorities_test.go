package snapshot

import (
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bailiwick/internal/config"
	"bailiwick/transport"
)

// A file of authorities, wherever the configuration names one, is refused if one of its
// certificates is damaged, at the key that names it and with the line.
func TestDamagedCertificateAmongAuthoritiesIsRefused(t *testing.T) {
	dir := t.TempDir()
	cert, err := transport.SelfSigned(time.Now(), []string{"a"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	good := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE",
		Bytes: cert.All()[0].Certificate[0]}))
	file := filepath.Join(dir, "b.yaml")
	write := func(path, text string) {
		if err := os.WriteFile(filepath.Join(dir, path), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("secret", "0123456789abcdef0123456789abcdef")
	for key, text := range map[string]string{
		"fleet.tls_ca": "state: {directory: .}\nfleet: {store: 192.0.2.1:6379, tls_name: a, " +
			"tls_ca: ca.pem, secret_file: secret}",
		"tracing.tls_ca": "tracing: {endpoint: https://192.0.2.1:4318, tls_ca: ca.pem}",
		"tls.acme.ca": "state: {directory: .}\nlisten: {dot: [127.0.0.1:853]}\ntls: {acme: " +
			"{directory: https://a.example/d, agree: true, names: [a.example], ca: ca.pem}}",
		"trust_anchors.ca": "state: {directory: .}\ntrust_anchors: {ca: ca.pem}",
		"forward_zones": "resolver: {forward_zones: [{name: b.example, addresses: [192.0.2.1], " +
			"transport: dot, tls_name: a, tls_ca: ca.pem}]}",
		"zones.held": "state: {directory: .}\nzones: {held: [{name: c.example, primaries: " +
			"[192.0.2.1], tls_name: a, tls_ca: ca.pem}]}",
	} {
		for damaged, want := range map[string]bool{good: false, good[:60] + "*" + good[61:]: true} {
			write("ca.pem", good+damaged+good)
			write("b.yaml", text+"\n")
			cfg, found := config.Read(file)
			_, more := Load(cfg)
			refused := false
			for _, f := range append(found, more...) {
				refused = refused || strings.Contains(f.Error(), "ca.pem") &&
					strings.Contains(f.Error(), "object 2, in line ")
			}
			if refused != want {
				t.Errorf("%s: refused %v: %v", key, refused, append(found, more...))
			}
		}
	}
}
