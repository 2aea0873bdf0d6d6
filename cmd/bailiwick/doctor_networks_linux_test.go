package main

import (
	"path/filepath"
	"strings"
	"testing"

	"bailiwick/internal/console"
)

// TestDoctorNamesZonesOfNetworks: the doctor says which zones of networks are forwarded where, and
// which are refused and why.
func TestDoctorNamesZonesOfNetworks(t *testing.T) {
	s := reloadable(t, plain)
	socket := filepath.Join(t.TempDir(), "control")
	if lines := networkPath(socket); lines != nil {
		t.Errorf("without a server: %q", lines)
	}
	c, err := s.openControl(console.Config{Socket: socket, Mode: console.OwnerOnly})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.Start()
	if lines := networkPath(socket); lines != nil {
		t.Errorf("without networks: %q", lines)
	}
	many := []string{"home.arpa", "com"}
	for i := range maxZonesTold {
		many = append(many, "z"+string(rune('a'+i))+".internal")
	}
	if _, err := s.setNetwork(console.Request{Args: map[string]string{"interface": "lo",
		"name": "cafe", "servers": "192.0.2.1", "zones": strings.Join(many, ",")}}); err != nil {
		t.Fatal(err)
	}
	text := strings.Join(networkPath(socket), "\n")
	for _, want := range []string{
		"zone home.arpa. of the network of lo (cafe): forwarded to 192.0.2.1, as such names are",
		"zone com. of the network of lo (cafe): refused, as it is a top level domain",
		"zones of networks: 2 more"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}
