package config

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"bailiwick/internal/policy"
	"bailiwick/resolver"
	"bailiwick/transport"
)

func TestDefault(t *testing.T) {
	c := Default()
	if len(c.Listen[transport.UDP]) != 1 ||
		c.Listen[transport.UDP][0].Addr.String() != "127.0.0.1:5300" ||
		c.Console.Listen != "127.0.0.1:5380" || c.Cache.Memory != 128<<20 ||
		c.Cache.MaxNegative != time.Hour ||
		!c.Anchors.Builtin || c.Policy.Access.Replace || len(c.Policy.Access.Own) > 0 {
		t.Errorf("got %+v", c)
	}
}

func TestParse(t *testing.T) {
	c, err := parse("b.yaml", []byte(`
# a comment
listen:
  udp: ["127.0.0.1:53", "[::1]:53", 192.0.2.1]
  tcp: []
resolver:
  qname_minimisation: strict
  ipv6: "false"
  root_hints:
    - {name: a.root., address: 192.0.2.53}
  stub_zones:
    - name: corp.example
      addresses: [10.0.0.1, "10.0.0.2@5353"]
      first: true
  forward_zones:
    - {name: ., addresses: [192.0.2.9], tcp: true}
cache:
  memory: 1GiB
  max_ttl: 1h30m
policy:
  access:
    - {net: 10.0.0.0/8, action: snoop}
    - {net: 10.1.2.3, action: drop}
`))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Listen[transport.UDP]) != 3 ||
		c.Listen[transport.UDP][2].Addr.String() != "192.0.2.1:53" ||
		len(c.Listen[transport.TCP]) != 0 || c.Resolver.Minimise != resolver.MinimiseStrict ||
		c.Resolver.IPv6 != resolver.FamilyOff ||
		c.Cache.Memory != 1<<30 || c.Cache.Max != 90*time.Minute {
		t.Errorf("got %+v", c)
	}
	if len(c.Zones) != 2 || c.Zones[0].Forward || !c.Zones[0].First ||
		c.Zones[0].Addrs[1].String() != "10.0.0.2:5353" || !c.Zones[1].Forward ||
		c.Zones[1].Via != transport.TCP {
		t.Errorf("zones %+v", c.Zones)
	}
	if len(c.Policy.Access.Own) != 2 || c.Policy.Access.Own[0].Action != policy.Snoop ||
		c.Policy.Access.Own[1].Net.String() != "10.1.2.3/32" {
		t.Errorf("access %+v", c.Policy.Access)
	}
}

// Every finding has its line and column and says what would be right, and all come at once.
func TestFindings(t *testing.T) {
	_, err := parse("b.yaml", []byte(`listen:
  udpp: [127.0.0.1]
cache:
  memory: plenty
  max_ttl: 5x
server:
  max_udp_size: 100
  any: some
resolver:
  ipv4: maybe
  do_not_query: [here]
  root_hints:
    - {name: a.root, adress: 192.0.2.1}
  stub_zones:
    - {name: corp.example}
policy:
  access: 10.0.0.0/8
nonsense:
  x: 1
`))
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{
		"b.yaml:2:3: unknown key listen.udpp; did you mean listen.udp?",
		`b.yaml:4:11: cache.memory: "plenty" is not a size`,
		`b.yaml:5:12: cache.max_ttl: "5x" is not a duration`,
		`b.yaml:7:17: server.max_udp_size: "100" is not a number from 512 to 4096`,
		`server.any: "some" is not one of minimal, full`,
		`resolver.ipv4: "maybe" is not one of auto, true, false`,
		`resolver.do_not_query: "here" is not a network`,
		"unknown field adress; the fields are name, address",
		"zone corp.example. has neither addresses nor hosts",
		`policy.access: wants a list of networks with actions, such as "10.0.0.0/8 allow"`,
		"unknown key nonsense",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the findings lack %q:\n%v", want, err)
		}
	}
}

func TestContradictions(t *testing.T) {
	for text, want := range map[string]string{
		"cache: {min_ttl: 2h, max_ttl: 1h}":        "min_ttl",
		"resolver: {ipv4: false, ipv6: \"false\"}": "both off",
		"listen: {udp: [], tcp: []}":               "nobody could ask",
		"cache: {memory: 1MiB}\ncache: {}":         "",
		"cache:\n  memory: 2MiB\n  memory: 3MiB":   "",
		"- a list":                                 "wants keys",
		"cache: [1":                                "",
	} {
		if _, err := parse("b.yaml", []byte(text)); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want an error that says %q", text, err, want)
		}
	}
	if _, err := parse("b.yaml", nil); err != nil {
		t.Errorf("an empty file: %v", err)
	}
}

// What `config show` prints is a configuration, the same.
func TestShowRoundTrip(t *testing.T) {
	c, err := parse("b.yaml", []byte("resolver:\n  stub_zones:\n    - name: corp.example\n"+
		"      addresses: [10.0.0.1]\n    - {name: lab.example, addresses: [10.0.0.2]}\nserver:\n"+
		"  identity: 'it''s me'\ncache: {memory: 7MiB}\n"))
	if err != nil {
		t.Fatal(err)
	}
	var first, second bytes.Buffer
	if err := c.Show(&first); err != nil {
		t.Fatal(err)
	}
	again, err := parse("shown", first.Bytes())
	if err != nil {
		t.Fatalf("%v\n%s", err, first.String())
	}
	if err := again.Show(&second); err != nil {
		t.Fatal(err)
	}
	if first.String() != second.String() || again.Cache.Memory != 7<<20 || len(again.Zones) != 2 ||
		again.Server.Identity != "it's me" {
		t.Errorf("got\n%s\nthen\n%s", first.String(), second.String())
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("listen:\n  udp: [127.0.0.1]\n"))
	f.Add([]byte("resolver:\n  stub_zones:\n    - {name: a, addresses: [10.0.0.1]}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := parse("f", b)
		if err == nil && c.Cache.Memory < 1<<20 {
			t.Fatal("a value out of range")
		}
	})
}

// parse reads a file's content; the error joins all findings that are not warnings.
func parse(name string, content []byte) (*Config, error) {
	c, findings := inspect(name, content)
	return c, findings.Err()
}
