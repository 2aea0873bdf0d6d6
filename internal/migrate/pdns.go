// PowerDNS Recursor's recursor.conf, and recursor.yml of 5.0 and later.

package migrate

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"

	"bailiwick/internal/pattern"
)

// pdnsDiffers is what is on by default here and off there, or the reverse.
var pdnsDiffers = []string{
	"ANY over UDP is answered with one RRset (RFC 8482): server.any: full",
	"answers say why (EDE), and cookies are answered: server.ede, server.cookies",
	"questions without RD were answered from the cache; here they are refused: snoop in " +
		"policy.access",
	"version.bind and id.server are refused unless they are given: server.version, " +
		"server.identity",
	"answers to all clients are fetched ahead and kept by their own time: cache.prefetch, " +
		"cache.max_ttl",
}

var (
	pdnsLine = pattern.New(`(?m)^\s*(?:local-address|local-port|allow-from|` +
		`allow-from-file|forward-zones(?:-recurse|-file)?|auth-zones|dnssec|lua-config-file|` +
		`lua-dns-script|quiet|` +
		`hint-file|config-dir|include-dir|dont-query|export-etc-hosts|serve-rfc1918|setuid|` +
		`query-local-address)\s*\+?=`)
	pdnsSection = pattern.New(`(?m)^(?:incoming|outgoing|recursor|recordcache|packetcache|` +
		`webservice):`)
)

func isPDNS(text string) bool { return pdnsLine.In(text) || pdnsSection.In(text) }

// recursor is a conversion. Its settings are those of recursor.conf, whatever the form of the file.
type recursor struct {
	*builder
	files
	settings map[string]*directive
	order    []string
	depth    int
}

func convertPDNS(path string, b *builder) error {
	b.loopback = true
	r := &recursor{builder: b, files: files{folder: filepath.Dir(path)},
		settings: map[string]*directive{}}
	if err := r.load(path); err != nil {
		return err
	}
	r.listeners()
	r.access()
	r.validation()
	r.forwards()
	r.held()
	r.servers()
	for _, name := range r.order {
		d := r.settings[name]
		if !slices.Contains(pdnsElsewhere, name) && !r.special(d) {
			pdnsTable.convert(b, d, r.path)
		}
	}
	if r.settings["serve-stale-extensions"] == nil {
		r.tell(staleServed)
	}
	return nil
}

// load reads a file, and those of the folder that it includes.
func (r *recursor) load(path string) error {
	end := ".conf"
	err := r.read(path, func(path, text string) error {
		if pdnsSection.In(text) || strings.HasSuffix(path, ".yml") {
			end = ".yml"
			return r.yaml(path, text)
		}
		return r.lines(path, text)
	})
	include := r.settings["include-dir"]
	if err != nil || include == nil || r.depth > 0 || include.arg(0) == "" {
		return err
	}
	names, err := matching(filepath.Join(r.path(include.arg(0)), "*"+end), path)
	if err != nil {
		return fmt.Errorf("%s: %w", include.at, err)
	}
	r.depth++
	for _, name := range names {
		if err := r.load(name); err != nil {
			return fmt.Errorf("%s: %w", include.at, err)
		}
	}
	return nil
}

// lines reads settings of the form name=value. A line that ends with a backslash goes on.
func (r *recursor) lines(path, text string) error {
	whole, first := "", 0
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if first == 0 {
			first = i + 1
		}
		if rest, ok := strings.CutSuffix(line, `\`); ok {
			whole += rest
			continue
		}
		whole += line
		d := &directive{at: place{path, first}}
		line, whole, first = whole, "", 0
		if line, _, _ = strings.Cut(line, "#"); strings.TrimSpace(line) == "" {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		name = strings.TrimSpace(name)
		name, more := strings.CutSuffix(name, "+")
		if d.name = strings.TrimSpace(name); !ok || d.name == "" {
			return fmt.Errorf("%s: %q is not a setting", d.at, oneLine(line))
		}
		d.args = []string{strings.TrimSpace(value)}
		r.put(d, more)
	}
	return nil
}

// put takes a setting: the last one holds, or it adds to those before.
func (r *recursor) put(d *directive, more bool) {
	if old := r.settings[d.name]; old == nil {
		r.order = append(r.order, d.name)
	} else if more {
		d.args = append(slices.Clone(old.args), d.args...)
	}
	r.settings[d.name] = d
}

// setting returns a setting, or what holds without it.
func (r *recursor) setting(name string, otherwise ...string) *directive {
	if d := r.settings[name]; d != nil {
		return d
	}
	return defaultOf(name, otherwise...)
}

// yes reports whether a setting is on.
func (r *recursor) yes(name, otherwise string) bool {
	v := strings.ToLower(r.setting(name, otherwise).arg(0))
	return v == "yes" || v == "true" || v == "on" || v == "1"
}

// items are the values of a list.
func (d *directive) items() (list []string) {
	for _, a := range d.args {
		list = append(list, strings.FieldsFunc(a, func(c rune) bool {
			return c == ',' || c == ' ' || c == '\t' || c == ';'
		})...)
	}
	return list
}

// listeners converts where it listens.
func (r *recursor) listeners() {
	d := r.setting("local-address", "127.0.0.1")
	port := r.setting("local-port", "53").arg(0)
	for _, s := range d.items() {
		a, err := netip.ParseAddr(strings.Trim(s, "[]"))
		text := ""
		if err == nil {
			text = joined(a, port)
		} else if p, err := netip.ParseAddrPort(s); err == nil {
			text = p.String()
		} else {
			r.lose(d, "%q is not an address; nearest: listen.udp, listen.tcp", s)
			continue
		}
		r.add("listen.udp", quote(text), d)
		r.add("listen.tcp", quote(text), d)
	}
}

// pdnsNeighbours may ask by default.
const pdnsNeighbours = "127.0.0.0/8, 10.0.0.0/8, 100.64.0.0/10, 169.254.0.0/16, 192.168.0.0/16, " +
	"172.16.0.0/12, ::1/128, fc00::/7, fe80::/10"

// access converts who may ask. All others get no response.
func (r *recursor) access() {
	d := r.setting("allow-from", pdnsNeighbours)
	list := d.items()
	if f := r.settings["allow-from-file"]; f != nil && f.arg(0) != "" {
		text, err := readFile(r.path(f.arg(0)), maxTotal)
		if err != nil {
			r.lose(f, "%v; nearest: policy.access", err)
		}
		d, list = f, nil
		for line := range strings.SplitSeq(text, "\n") {
			line, _, _ = strings.Cut(line, "#")
			if line = strings.TrimSpace(line); line != "" {
				list = append(list, line)
			}
		}
	}
	others := "drop"
	if d.name == "allow-from" && len(list) == 0 {
		others = "allow"
	}
	seen := map[netip.Prefix]bool{}
	for _, s := range list {
		text, not := strings.CutPrefix(s, "!")
		n, err := network(text)
		if err != nil {
			r.lose(d, "%v; nearest: policy.access", err)
			continue
		}
		action := "allow"
		if not {
			action = "drop"
		}
		if !seen[n] {
			seen[n] = true
			r.add(accessKey, quote(n.String()+" "+action), d)
		}
	}
	for _, n := range everyNetwork {
		if !seen[n] {
			r.add(accessKey, quote(n.String()+" "+others), defaultOf("all others"))
		}
	}
}

// validation converts how answers are validated.
func (r *recursor) validation() {
	d := r.setting("dnssec", "process")
	switch mode := d.arg(0); mode {
	case "off", "process-no-validate":
		r.set("validator.validation", "false", d)
	case "process", "log-fail":
		r.tell("all clients get SERVFAIL for what does not validate, and not only those that " +
			"set DO or AD (dnssec=" + mode + ")")
	case "validate":
		r.leave(d, "it is so here too: validator.validation")
	default:
		r.lose(d, "nearest: validator.validation")
	}
	for name, key := range map[string]string{"dnssec.trustanchors": "trust_anchors.records",
		"dnssec.negative_trustanchors": "trust_anchors.insecure"} {
		if d := r.settings[name]; d != nil {
			for _, s := range d.args {
				r.add(key, quote(s), d)
			}
		}
	}
}

// forwards converts forward zones: those without recursion are stub zones here.
func (r *recursor) forwards() {
	for _, name := range []string{"forward-zones", "forward-zones-recurse"} {
		if d := r.settings[name]; d != nil {
			for _, s := range splitEach(d.args, ",") {
				r.forward(d, s, name == "forward-zones-recurse")
			}
		}
	}
	d := r.settings["forward-zones-file"]
	if d == nil || d.arg(0) == "" {
		return
	}
	path := r.path(d.arg(0))
	if err := r.read(path, func(path, text string) error {
		if strings.HasSuffix(path, ".yml") {
			return r.zonesFile(path, text, d)
		}
		for i, line := range strings.Split(text, "\n") {
			line, _, _ = strings.Cut(line, "#")
			if line = strings.TrimSpace(line); line == "" {
				continue
			}
			at := directive{d.name, []string{line}, place{path, i + 1}}
			zone := strings.TrimLeft(line, "+^ ")
			r.forward(&at, zone, strings.Contains(line[:len(line)-len(zone)], "+"))
		}
		return nil
	}); err != nil {
		r.lose(d, "%v; nearest: resolver.forward_zones, resolver.stub_zones", err)
	}
}

// splitEach splits texts, without what is empty.
func splitEach(texts []string, at string) (list []string) {
	for _, t := range texts {
		for s := range strings.SplitSeq(t, at) {
			if s = strings.TrimSpace(s); s != "" {
				list = append(list, s)
			}
		}
	}
	return list
}

// forward converts a zone, given as zone=address;address.
func (r *recursor) forward(d *directive, s string, recursive bool) {
	name, servers, ok := strings.Cut(s, "=")
	if !ok {
		r.lose(d, "%q is not a zone with its servers; nearest: resolver.forward_zones", s)
		return
	}
	z := zone{name: zoneName(name), forward: recursive, at: d}
	for _, server := range splitEach([]string{servers}, ";") {
		if p, err := netip.ParseAddrPort(server); err == nil {
			server = fmt.Sprintf("%s@%d", p.Addr(), p.Port())
		}
		server = strings.Trim(server, "[]")
		if strings.HasSuffix(server, "@853") && r.yes("dot-to-port-853", "yes") {
			r.lose(d, "%s was asked over TLS without a name that its certificate has to have: "+
				"anybody on the way could be it; nearest: tls_name or tls_pins of %s", server,
				z.key())
			continue
		}
		z.server(server, r.builder, d)
	}
	z.write(r.builder)
}

// held converts zones of the recursor's own, which it does not validate.
func (r *recursor) held() {
	d := r.settings["auth-zones"]
	if d == nil {
		return
	}
	for _, s := range splitEach(d.args, ",") {
		name, file, ok := strings.Cut(s, "=")
		if !ok {
			r.lose(d, "%q is not a zone with its file; nearest: zones.held", s)
			continue
		}
		r.add("zones.held", fmt.Sprintf("{name: %s, file: %s, fallback: false}",
			quote(zoneName(name)), quote(r.path(strings.TrimSpace(file)))), d)
		r.add("trust_anchors.insecure", quote(zoneName(name)), d)
	}
}

// pdnsNotAsked are networks that are not asked by default and that are private here, too.
var pdnsNotAsked = strings.Fields("127.0.0.0/8 10.0.0.0/8 100.64.0.0/10 169.254.0.0/16 " +
	"192.168.0.0/16 172.16.0.0/12 ::1/128 fc00::/7 fe80::/10 0.0.0.0/8 192.0.0.0/24 192.0.2.0/24 " +
	"198.51.100.0/24 203.0.113.0/24 240.0.0.0/4 ::/96 ::ffff:0:0/96 100::/64 2001:db8::/32")

// servers converts which addresses are asked, and from which. Servers of forward zones always are.
func (r *recursor) servers() {
	if d := r.settings["dont-query"]; d != nil {
		list := d.items()
		if !slices.Contains(list, "127.0.0.0/8") {
			r.set("resolver.do_not_query_localhost", "false", d)
		}
		if !slices.Contains(list, "10.0.0.0/8") {
			r.set("resolver.private_servers", quote("allow"), d)
		}
		for _, s := range list {
			switch {
			case strings.HasPrefix(s, "!"):
				r.lose(d, "%s: an exception from private networks; nearest: "+
					"resolver.private_servers, resolver.stub_zones", s)
			case !slices.Contains(pdnsNotAsked, s):
				r.add("resolver.do_not_query", quote(s), d)
			}
		}
	}
	d := r.setting("query-local-address", "0.0.0.0")
	six := false
	for _, s := range d.items() {
		a, err := netip.ParseAddr(s)
		switch {
		case err != nil:
			r.lose(d, "%v; nearest: resolver.source_addresses", err)
			continue
		case !a.IsUnspecified():
			r.add("resolver.source_addresses", quote(a.String()), d)
		}
		six = six || a.Is6()
	}
	if !six { // without an address of its family, none is asked over IPv6
		r.set("resolver.ipv6", quote("false"), d)
	}
}
