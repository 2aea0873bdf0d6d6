package config

import (
	"cmp"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml/parser"

	"bailiwick/transport"
)

// read gives a key the value that a text is in YAML.
func read(t *testing.T, k *key, c *Config, text string) {
	t.Helper()
	f, err := parser.ParseBytes([]byte("v: "+text+"\n"), 0)
	if err != nil {
		t.Fatalf("%s: %s: %v", k.key, text, err)
	}
	values, _ := mapping(f.Docs[0].Body)
	v, err := k.read(values[0].Value)
	if err != nil {
		t.Fatalf("%s: %s: %v", k.key, text, err)
	}
	if err := k.set(c, v); err != nil {
		t.Fatalf("%s: %s: %v", k.key, text, err)
	}
}

// What `config show` prints of the default, and the schema says of it, is what the packages'
// defaults are: read into a configuration that has nothing yet, the rows make these, all of them.
func TestRowsReadTheDefaultsOfThePackages(t *testing.T) {
	shown := Default().text
	isDefault(t, "shown", func(k *key) string { return shown[k.key] })
	isDefault(t, "of the schema", func(k *key) string {
		return cmp.Or(k.valueOf(defaults()).text, shown[k.key])
	})
}

// isDefault reads a text for each key.
func isDefault(t *testing.T, what string, text func(k *key) string) {
	t.Helper()
	c := &Config{Listen: map[transport.Protocol][]Listener{}}
	c.Resolver.Hints = defaults().Resolver.Hints // the one default that is not a value of a key
	for i := range keys {
		read(t, &keys[i], c, text(&keys[i]))
	}
	for p, l := range c.Listen {
		if len(l) == 0 {
			delete(c.Listen, p)
		}
	}
	got, want := reflect.ValueOf(*c), reflect.ValueOf(*defaults())
	for i := range got.NumField() {
		f, has, wants := got.Type().Field(i), got.Field(i), want.Field(i)
		if f.IsExported() && !reflect.DeepEqual(has.Interface(), wants.Interface()) {
			t.Errorf("%s, %s: got %+v, want %+v", what, f.Name, has, wants)
		}
	}
}

// other is a value that a key does not have by default.
func (k *key) other() string {
	v := k.valueOf(defaults())
	switch k.kind {
	case kindBool:
		if v.bool {
			return "false"
		}
		return "true"
	case kindInt:
		if v.int == k.max {
			return strconv.FormatInt(v.int-1, 10)
		}
		return strconv.FormatInt(v.int+1, 10)
	case kindSize:
		return sizeText(max(2*v.int, 256<<20))
	case kindDuration:
		return durationText(v.duration + time.Second)
	case kindTime:
		return "2026-01-31T00:00:00Z"
	case kindChoice:
		return k.choices[(v.choice+1)%len(k.choices)]
	case kindPath:
		return "/some/file"
	}
	return map[string]string{
		"doh.path": "/q", "discovery.name": "dns.example", "discovery.addresses": "[192.0.2.1]",
		"control.socket_group": "0", "api.hosts": "[dns.example]",
		"tls.acme.directory": "https://acme.example/dir", "tls.acme.contact": "me@example.com",
		"tls.acme.names": "[dns.example.com]", "tls.acme.addresses": "[192.0.2.1]",
		"tls.acme.profile": "shortlived", "tls.acme.eab_key_id": "kid",
		"tls.acme.dns_server": "192.0.2.1:53", "tls.acme.dns_zone": "example.com.",
		"tls.acme.dns_tsig": "update.",

		"fleet.store": "192.0.2.1:6379", "fleet.user": "dns", "fleet.node": "ns1",
		"fleet.tls_name":   "store.example",
		"tracing.endpoint": "http://192.0.2.1:4318/v1/traces",
		"dnstap.address":   "192.0.2.1:6000", "dnstap.messages": "[client_query]",
		"dnstap.identity": "me", "dnstap.version": "1",
		"query_log.address":  "udp:192.0.2.1:514",
		"discovery.info_url": "https://example.net/", "admin.listen": "127.0.0.1:1",
		"resolver.do_not_query": "[192.0.2.0/24]", "resolver.opportunistic": "[dot]",
		"trust_anchors.insecure": "[lab.example.]", "policy.private_addresses": "[10.0.0.0/8]",
		"policy.private_domains": "[corp.example.]", "policy.access": "[10.0.0.0/8 drop]",
		"trust_anchors.records": "[x]", "server.identity": "me", "server.version": "1",
		"policy.special_server": "ns.example.", "resolver.source_addresses": "[192.0.2.1]",
		"warm.names": "[example. MX TXT]", "warm.zones": "[example.]",
		"resolver.source_interface": "eth0", "resolver.source_ports": "20000-60999",
		"clock.earliest": "none", "clock.time_servers": "[ntp.example.]",
		"policy.ordinary_names":      "[local.]",
		"incidents.test_zones":       "[broken.example.]",
		"watch.objective":            "99.5",
		"process.user":               "65534:65534",
		"limits.exempt":              "[192.0.2.0/24]",
		"resolver.nat64_prefix":      "64:ff9b::/96",
		"resolver.ecs.zones":         "[cdn.example.]",
		"resolver.ecs.types":         "[TXT]",
		"resolver.ecs.forwarders":    "[192.0.2.53/32]",
		"resolver.ecs.never":         "[192.0.2.0/24]",
		"policy.dns64.prefixes":      "[2001:db8:64::/96]",
		"policy.dns64.clients":       "[2001:db8::/32]",
		"policy.dns64.exclude_aaaa":  "[2001:db8::/32]",
		"policy.dns64.exclude_a":     "[10.0.0.0/8]",
		"policy.dns64.exclude_names": "[corp.example.]",
		"policy.dns64.ignore_aaaa":   "[corp.example.]",
		"policy.local_records":       "[www.corp.example. 60 A 192.0.2.1]",
		"trust_anchors.url":          "https://example.net/anchors.xml",
	}[k.key]
}

// A row changes the field that it prints, and none that another row prints.
func TestRowsBindAFieldOfTheirOwn(t *testing.T) {
	tried := 0
	for i := range keys {
		k := &keys[i]
		text := k.other()
		if k.get == nil || strings.HasPrefix(k.key, "listen.") {
			continue
		}
		if text == "" {
			t.Errorf("%s: there is no value to try", k.key)
			continue
		}
		tried++
		c := defaults()
		read(t, k, c, text)
		var changed []string
		for j := range keys {
			if o := &keys[j]; o.render(o.valueOf(c)) != o.render(o.valueOf(defaults())) {
				changed = append(changed, o.key)
			}
		}
		if !slices.Equal(changed, []string{k.key}) {
			t.Errorf("%s: %s changes %v", k.key, text, changed)
		}
		v := k.valueOf(c)
		again := defaults()
		read(t, k, again, k.render(v))
		if !reflect.DeepEqual(again, c) {
			t.Errorf("%s: %s is printed as %s, which is another value", k.key, text, k.render(v))
		}
	}
	if tried < len(keys)*3/4 {
		t.Errorf("%d of %d rows were tried", tried, len(keys))
	}
}

// A value of 0 is the value 0 wherever it is allowed; no field takes it for one that is not set.
func TestZeroIsAValue(t *testing.T) {
	c, err := parse("b.yaml", []byte("validator: {nsec3_iterations: 0, skew: 0}\n"+
		"cache: {max_ttl: 0, max_negative_ttl: 0s, min_ttl: 0}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if v := c.Resolver.Validation; v.MaxIterations != 0 || v.Skew != 0 {
		t.Errorf("validator: %+v", v)
	}
	if c.Cache.Max != 0 || c.Cache.MaxNegative != 0 {
		t.Errorf("cache: %+v", c.Cache)
	}
}

// A range holds for what a duration is, not for its whole seconds; and a time that no signature can
// have is none.
func TestRangesHoldForFractions(t *testing.T) {
	for text, want := range map[string]string{
		"validator: {skew: -500ms}":                "from 0 to 86400",
		"cache: {min_ttl: -1ms}":                   "from 0 to 86400",
		"connections: {idle: 3600.5s}":             "from 1 to 3600",
		"connections: {idle: 999ms}":               "from 1 to 3600",
		"validator: {time: 0001-01-01T00:00:00Z}":  "is not a time",
		"clock: {start: \"1969-12-31T23:59:59Z\"}": "is not a time",
	} {
		if _, err := parse("b.yaml", []byte(text)); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	if c, err := parse("b.yaml", []byte("connections: {idle: 1500ms}")); err != nil ||
		c.Transport.Gate.Idle != 1500*time.Millisecond {
		t.Errorf("a second and a half: %v", err)
	}
}
