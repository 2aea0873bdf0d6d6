// dnsmasq's dnsmasq.conf.

package migrate

import (
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"bailiwick/internal/pattern"
)

// dnsmasqDiffers is what is on by default here and off there, or the reverse.
var dnsmasqDiffers = []string{
	"ANY over UDP is answered with one RRset (RFC 8482): server.any: full",
	"answers say why (EDE), and cookies are answered: server.ede, server.cookies",
	"special-use names as home.arpa, .local, .internal are answered here: policy.special_names, " +
		"policy.ordinary_names",
	"the servers of a zone are asked by their speed, and not in an order: a weight in addresses",
}

var dnsmasqLine = pattern.New(`(?m)^\s*(?:server=[/\d]|local=/|address=/|no-resolv\b|` +
	`no-hosts\b|bogus-priv\b|domain-needed\b|dhcp-(?:range|host|option)=|host-record=|` +
	`cache-size=|resolv-file=|listen-address=|bind-interfaces\b|expand-hosts\b|` +
	`conf-dir=|stop-dns-rebind\b|addn-hosts=)`)

func isDnsmasq(text string) bool { return dnsmasqLine.In(text) }

// dnsmasq is a conversion.
type dnsmasq struct {
	*builder
	files
	options []*directive
	zones   []*zone               // forward zones, each with its servers
	local   map[string]*directive // names that nobody else is asked for
}

func convertDnsmasq(path string, b *builder) error {
	b.loopback = true
	m := &dnsmasq{builder: b, files: files{folder: filepath.Dir(path)},
		local: map[string]*directive{}}
	if err := m.read(path, m.lines); err != nil {
		return err
	}
	m.listeners()
	m.access()
	m.validation()
	m.upstream()
	m.hosts()
	for _, d := range m.options {
		if !slices.Contains(dnsmasqElsewhere, d.name) && !m.special(d) {
			dnsmasqTable.convert(b, d, m.path)
		}
	}
	m.names()
	if !m.has("use-stale-cache") {
		m.tell(staleServed)
	}
	return nil
}

// lines reads options, each with or without a value.
func (m *dnsmasq) lines(path, text string) error {
	for i, line := range strings.Split(text, "\n") {
		d := &directive{at: place{path, i + 1}}
		line = strings.TrimSpace(withoutComment(line))
		if line == "" {
			continue
		}
		name, value, given := strings.Cut(line, "=")
		d.name = strings.TrimSpace(name)
		if given {
			d.args = []string{strings.TrimSpace(strings.ReplaceAll(value, `"`, ""))}
		}
		if err := m.option(d); err != nil {
			return err
		}
	}
	return nil
}

// withoutComment cuts what follows a # at the beginning of a line or after white space, unless it
// stands in quotation marks.
func withoutComment(line string) string {
	quoted := false
	for i := range len(line) {
		switch c := line[i]; {
		case c == '"':
			quoted = !quoted
		case c == '#' && !quoted && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t'):
			return line[:i]
		}
	}
	return line
}

// option takes an option, or reads the files that it names.
func (m *dnsmasq) option(d *directive) error {
	switch d.name {
	case "conf-file", "servers-file":
		path := m.path(d.arg(0))
		if strings.HasSuffix(path, "trust-anchors.conf") {
			if _, err := os.Stat(path); err != nil { // that of the package: the root's keys
				m.leave(d, "the root's keys are built in")
				return nil
			}
		}
		if err := m.read(path, m.lines); err != nil {
			return fmt.Errorf("%s: %w", d.at, err)
		}
		return nil
	case "conf-dir":
		return m.folderOf(d)
	}
	m.options = append(m.options, d)
	return nil
}

// folderOf reads the files of a folder: those that end as is said after a comma with a star, or not
// as is said without.
func (m *dnsmasq) folderOf(d *directive) error {
	parts := strings.Split(d.arg(0), ",")
	names, err := matching(filepath.Join(m.path(parts[0]), "*"), d.at.file)
	if err != nil {
		return fmt.Errorf("%s: %w", d.at, err)
	}
	for _, name := range names {
		take, some := true, false
		for _, end := range parts[1:] {
			if of, ok := strings.CutPrefix(end, "*"); ok {
				if !some {
					some, take = true, false
				}
				take = take || strings.HasSuffix(name, of)
			} else if end != "" && strings.HasSuffix(name, end) {
				take = false
			}
		}
		if base := filepath.Base(name); !take || strings.HasPrefix(base, ".") ||
			strings.HasSuffix(base, "~") || strings.HasPrefix(base, "#") {
			continue
		}
		if err := m.read(name, m.lines); err != nil {
			return fmt.Errorf("%s: %w", d.at, err)
		}
	}
	return nil
}

// all returns the options with a name.
func (m *dnsmasq) all(name string) (list []*directive) {
	for _, d := range m.options {
		if d.name == name {
			list = append(list, d)
		}
	}
	return list
}

func (m *dnsmasq) has(name string) bool { return len(m.all(name)) > 0 }

// listeners converts where it listens. Without an option that is everywhere.
func (m *dnsmasq) listeners() {
	port := "53"
	for _, d := range m.all("port") {
		if port = d.arg(0); port == "0" {
			m.lose(d, "it served no DNS; nearest: listen.udp")
			port = "53"
		}
	}
	add := func(d *directive, addresses ...string) {
		for _, s := range addresses {
			a, err := netip.ParseAddr(s)
			if err != nil {
				m.lose(d, "%v; nearest: listen.udp, listen.tcp", err)
				continue
			}
			m.add("listen.udp", quote(joined(a, port)), d)
			m.add("listen.tcp", quote(joined(a, port)), d)
		}
	}
	for _, d := range m.all("listen-address") {
		add(d, splitEach(d.args, ",")...)
	}
	for _, d := range m.all("interface") {
		if d.arg(0) != "lo" {
			m.lose(d, "an interface is named by its addresses here; nearest: listen.udp, "+
				"listen.tcp")
		}
		add(d, "127.0.0.1", "::1") // with an interface, this machine is served too
	}
	if !m.has("listen-address") && !m.has("interface") {
		add(defaultOf("listen-address"), "0.0.0.0", "::")
	}
}

// access converts who may ask: everybody that reaches it.
func (m *dnsmasq) access() {
	d, networks := defaultOf("everybody may ask"), []string{"0.0.0.0/0", "::/0"}
	if local := m.all("local-service"); len(local) > 0 && !m.has("interface") &&
		!m.has("listen-address") {
		d, networks = local[0], []string{"127.0.0.1/32", "::1/128"}
		m.lose(d, "the networks of this machine's interfaces have to be written out; nearest: "+
			"policy.access")
	}
	for _, n := range networks {
		m.add(accessKey, quote(n+" allow"), d)
	}
}

// validation converts DNSSEC, which is off unless it is said.
func (m *dnsmasq) validation() {
	if !m.has("dnssec") {
		m.set("validator.validation", "false", defaultOf("dnssec"))
		return
	}
	m.leave(m.all("dnssec")[0], "it is so here too: validator.validation")
	for _, d := range m.all("trust-anchor") {
		f := strings.Split(d.arg(0), ",")
		if len(f) == 6 { // the class comes first
			f = f[1:]
		}
		switch {
		case len(f) != 5:
			m.lose(d, "it is not an anchor; nearest: trust_anchors.records")
		case f[0] == ".":
			m.leave(d, "the root's keys are built in, and followed as they roll (RFC 5011)")
		default:
			m.add("trust_anchors.records", quote(zoneName(f[0])+". DS "+strings.Join(f[1:], " ")),
				d)
		}
	}
}

// domains returns the names of /a/b/rest, and the rest. Without a slash it is about all names.
func domains(s string) (names []string, rest string) {
	if !strings.HasPrefix(s, "/") {
		return []string{"."}, s
	}
	parts := strings.Split(s[1:], "/")
	return parts[:len(parts)-1], parts[len(parts)-1]
}

// upstream converts servers, each for all names or for some.
func (m *dnsmasq) upstream() {
	for _, d := range m.options {
		switch d.name {
		case "server", "local":
			m.server(d)
		case "rev-server":
			network, server, _ := strings.Cut(d.arg(0), ",")
			if name := reverseZone(network); name == "" {
				m.lose(d, "a network whose names are no zone; nearest: resolver.forward_zones")
			} else {
				m.forward(d, name, server)
			}
		}
	}
	if !m.has("no-resolv") {
		m.resolvers()
	}
	for _, z := range m.zones {
		if z.name != "." && m.has("dnssec") {
			// Answers of such servers are not validated, unless there is an anchor.
			z.insecure = !slices.ContainsFunc(m.all("trust-anchor"), func(d *directive) bool {
				return strings.Contains(","+d.arg(0), ","+z.name+",")
			})
		}
		z.write(m.builder)
	}
}

// server converts an option server or local.
func (m *dnsmasq) server(d *directive) {
	names, server := domains(d.arg(0))
	for _, name := range names {
		switch {
		case name == "" || name == "*" || strings.HasPrefix(name, "*."):
			m.lose(d, "names without a dot, or with a star; nearest: resolver.forward_zones")
		case server == "" && name != ".":
			m.local[strings.ToLower(zoneName(name))] = d
		case server == "#" || name == "#":
			m.lose(d, "an exception from servers of names above; nearest: resolver.forward_zones")
		default:
			m.forward(d, name, server)
		}
	}
}

// forward adds a server of a zone, given as ADDRESS[#PORT][@SOURCE].
func (m *dnsmasq) forward(d *directive, name, server string) {
	server, source, sourced := strings.Cut(server, "@")
	if sourced {
		m.lose(d, "@%s: servers are asked from one address or interface; nearest: "+
			"resolver.source_addresses, resolver.source_interface", source)
	}
	name = strings.ToLower(zoneName(name))
	i := slices.IndexFunc(m.zones, func(z *zone) bool { return z.name == name })
	if i < 0 {
		i = len(m.zones)
		m.zones = append(m.zones, &zone{name: name, forward: true, at: d})
	}
	m.zones[i].server(strings.Replace(server, "#", "@", 1), m.builder, d)
}

// resolvers converts the servers of resolv.conf, which it asks too.
func (m *dnsmasq) resolvers() {
	files := m.all("resolv-file")
	if len(files) == 0 {
		m.lose(defaultOf("resolv-file", "/etc/resolv.conf"), "its servers have to be written out: "+
			"without them names are resolved from the root; nearest: resolver.forward_zones")
	}
	for _, d := range files {
		text, err := readFile(m.path(d.arg(0)), maxTotal)
		if err != nil {
			m.lose(d, "%v; nearest: resolver.forward_zones", err)
			continue
		}
		for line := range strings.SplitSeq(text, "\n") {
			if f := strings.Fields(line); len(f) > 1 && f[0] == "nameserver" {
				m.forward(d, ".", f[1])
			}
		}
	}
}

// reverseZone returns the zone of the reverse names of a network, "" if there is none.
func reverseZone(s string) string {
	p, err := network(s)
	unit, all := 8, 4
	if err != nil {
		return ""
	}
	if p.Addr().Is6() {
		unit, all = 4, 32
	}
	if p.Bits() == 0 || p.Bits()%unit != 0 {
		return ""
	}
	labels := strings.Split(reverse(p.Addr()), ".")
	return zoneName(strings.Join(labels[all-p.Bits()/unit:], "."))
}

// hosts converts files of hosts: that of the machine is read unless it is said otherwise.
func (m *dnsmasq) hosts() {
	if _, err := os.Stat("/etc/hosts"); !m.has("no-hosts") && err == nil {
		m.add("policy.hosts_files", quote("/etc/hosts"), defaultOf("addn-hosts"))
	}
	for _, d := range m.all("addn-hosts") {
		m.add("policy.hosts_files", quote(m.path(d.arg(0))), d)
	}
	for _, d := range m.all("hostsdir") {
		m.lose(d, "files are named one by one; nearest: policy.hosts_files")
	}
}

// names converts names with addresses, and those that are local, of which nothing else is known.
func (m *dnsmasq) names() {
	zones := map[string]string{}
	for name := range m.local {
		zones[name] = "static"
	}
	for _, d := range m.all("address") {
		names, address := domains(d.arg(0))
		for _, name := range names {
			m.address(d, strings.ToLower(zoneName(name)), address, zones)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(zones)) {
		m.add("policy.local_zones", fmt.Sprintf("{name: %s, type: %s}", quote(key), zones[key]),
			m.local[key])
	}
}

// address converts what all names at and below one have.
func (m *dnsmasq) address(d *directive, name, address string, zones map[string]string) {
	switch {
	case name == "#" || name == "." || name == "" || strings.Contains(name, "*"):
		m.lose(d, "all names; nearest: policy.local_zones of the type redirect")
		return
	case address == "":
		zones[name], m.local[name] = "nxdomain", d
		return
	case address == "#":
		address = "0.0.0.0 ::"
	}
	zones[name], m.local[name] = "redirect", d
	m.tell("names of address= have no data of other types, which were asked for elsewhere " +
		"unless local= has the name too; those that a file of hosts has too have both addresses")
	for s := range strings.FieldsSeq(address) {
		a, err := netip.ParseAddr(s)
		if err != nil {
			m.lose(d, "%v; nearest: policy.local_records", err)
			continue
		}
		m.record(d, name, addressType(a), a.String())
	}
}

// addressType is the type of the record of an address.
func addressType(a netip.Addr) string {
	if a.Is4() {
		return "A"
	}
	return "AAAA"
}

// record adds a local record.
func (m *dnsmasq) record(d *directive, name, typ, data string) {
	m.add("policy.local_records", quote(strings.TrimSuffix(name, ".")+". "+typ+" "+data), d)
}
