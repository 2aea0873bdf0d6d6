package config

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// written is the configuration of a file with this text.
func written(t *testing.T, text string) (*Config, Findings) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "b.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Read(file)
}

// Servers of a zone may have weights: then each has one.
func TestForwardWeights(t *testing.T) {
	for text, want := range map[string]string{
		`["192.0.2.1", "192.0.2.2"]`:                   "[192.0.2.1:53 192.0.2.2:53] []",
		`["192.0.2.1 weight 3", "192.0.2.2"]`:          "[192.0.2.1:53 192.0.2.2:53] [3 1]",
		`["192.0.2.1:5353 weight 0", "[2001:db8::1]"]`: "[192.0.2.1:5353 [2001:db8::1]:53] [0 1]",
		`["192.0.2.1 weight 1001"]`:                    "a weight is a number from 0",
		`["192.0.2.1 weight -1"]`:                      "a weight is a number from 0",
		`["192.0.2.1 weigh 1"]`:                        "is not an address",
	} {
		c, found := written(t, "resolver: {forward_zones: [{name: corp, addresses: "+text+"}]}\n")
		got := fmt.Sprint(found.Err())
		if found.Err() == nil {
			got = fmt.Sprint(c.Zones[0].Addrs, c.Zones[0].Weights)
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s: %s", text, got)
		}
	}
}

// Forward zones can be changed at run time: a zone that is there keeps what else it has, the
// configuration before stays as it is, and what could not be in a file is refused.
func TestWithForward(t *testing.T) {
	const pin = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	base, found := written(t, "listen: {udp: [\"192.0.2.53:53\"]}\nresolver:\n  forward_zones:\n"+
		"    - {name: corp, addresses: [192.0.2.1], transport: dot, tls_pins: ["+pin+"]}\n"+
		"  stub_zones: [{name: lab, addresses: [192.0.2.2]}]\n")
	if found.Err() != nil {
		t.Fatal(found)
	}
	before := fmt.Sprint(base.Zones)
	for _, c := range []struct {
		zone    string
		servers []string
		want    string // part of the zones, or of the error
	}{
		{"corp", []string{"192.0.2.3", "192.0.2.4 weight 2"},
			"corp. [192.0.2.3:853 192.0.2.4:853] dot"},
		{"new.example", []string{"192.0.2.3"}, "new.example. [192.0.2.3:53] udp"},
		{"corp", nil, ""},
		{"lab", []string{"192.0.2.3"}, "is in resolver.stub_zones"},
		{"other", nil, "there is no forward zone other."},
		{"a..b", nil, `zone "a..b"`},
		{"corp", []string{"nowhere"}, "is not an address"},
		{"new", []string{"192.0.2.53"}, "is this server itself"},
	} {
		n, err := base.WithForward("", c.zone, c.servers)
		got := fmt.Sprint(err)
		if err == nil {
			got = ""
			for _, z := range n.Zones {
				if z.Forward {
					got += fmt.Sprintln(z.Name, z.Addrs, z.Via)
				}
			}
			if d := n.Differing(base); !slices.Equal(d, []string{forwardZones}) {
				t.Errorf("%s: differing %v", c.zone, d)
			}
		}
		if !strings.Contains(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%s %v: %s", c.zone, c.servers, got)
		}
	}
	if after := fmt.Sprint(base.Zones); after != before {
		t.Errorf("the zones were %s and are %s", before, after)
	}
}
