package snapshot

import (
	"encoding/pem"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"bailiwick/internal/config"
	"bailiwick/resolver"
	"bailiwick/transport"
	"bailiwick/trustanchor"
	"bailiwick/wire"
)

// loaded is the snapshot of a file with this text, in a folder.
func loaded(t *testing.T, dir, text string) *Snapshot {
	t.Helper()
	file := filepath.Join(dir, "b.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, found := config.Read(file)
	s, more := Load(cfg)
	if err := append(found, more...).Err(); err != nil {
		t.Fatal(err)
	}
	if again, _ := config.Read(file); !reflect.DeepEqual(again, cfg) {
		t.Errorf("%s: loading has changed the configuration", text)
	}
	return s
}

// Without a file the resolver has what its own package has by default.
func TestDefaultIsThatOfThePackages(t *testing.T) {
	s, found := Load(config.Default())
	if len(found) > 0 {
		t.Error(found)
	}
	if want := resolver.Default(); !reflect.DeepEqual(s.Resolver, want) {
		t.Errorf("got %+v, want %+v", s.Resolver, want)
	}
	if s.Certificates != nil {
		t.Error("certificates, and nothing is encrypted")
	}
	if zones := s.Anchors.Zones(); len(zones) != 1 || !zones[0].IsRoot() {
		t.Errorf("anchors of %v", zones)
	}
}

// What the configuration names is loaded: hints, zones with the certificates that their servers
// are known by, anchors. The configuration itself stays as it is.
func TestSnapshotHasAllThatTheConfigurationNames(t *testing.T) {
	dir := t.TempDir()
	cert, err := transport.SelfSigned(time.Now(), []string{"a"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE",
		Bytes: cert.All()[0].Certificate[0]})
	for name, text := range map[string][]byte{"ca.pem": ca,
		"hints": []byte("h.test. 3600 A 192.0.2.53\nh.test. 3600 AAAA 2001:db8::53\n")} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := loaded(t, dir, "resolver: {root_hints_file: hints, forward_zones: [{name: lab.example, "+
		"addresses: [192.0.2.1], transport: dot, tls_name: a, tls_ca: ca.pem, insecure: true}]}\n"+
		"policy: {access: [10.0.0.0/8 snoop]}\n")
	if h := s.Resolver.Hints; len(h) != 2 || h[1].Addrs[0].String() != "2001:db8::53" {
		t.Errorf("hints %v", h)
	}
	z := s.Resolver.Zones
	if len(z) != 1 || z[0].Peer.Roots == nil || z[0].Peer.Name != "a" ||
		z[0].Via != transport.DoT || !z[0].Forward {
		t.Errorf("zones %+v", z)
	}
	if s.Config.Zones[0].Peer.Roots != nil {
		t.Error("loading has changed the zone of the configuration")
	}
	if _, e := s.Anchors.Exception(wire.MustParseName("www.lab.example")); e !=
		trustanchor.Insecure {
		t.Error("the zone is validated")
	}
	if !s.Resolver.Referrals {
		t.Error("what zones say of their servers is not kept, and clients may ask for it")
	}
	s = loaded(t, dir, "resolver: {root_hints: [{name: h.test, address: 192.0.2.54}]}\n")
	if h := s.Resolver.Hints; len(h) != 1 || h[0].Addrs[0].String() != "192.0.2.54" ||
		s.Resolver.Referrals {
		t.Errorf("hints %v, referrals %v", h, s.Resolver.Referrals)
	}
}
