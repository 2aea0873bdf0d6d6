// Unbound's zones: local ones, views, forward and stub zones, copies, policy zones.

package migrate

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"

	"bailiwick/wire"
)

// unboundTypes are the types of local zones that have one of ours.
var unboundTypes = map[string]string{"transparent": "transparent", "static": "static",
	"typetransparent": "typetransparent", "redirect": "redirect", "refuse": "refuse",
	"deny": "drop", "always_nxdomain": "nxdomain", "inform": "inform", "always_refuse": "refuse",
	"always_deny": "drop"}

// localZone is a local zone as text and records.
type localZone struct {
	name, typ string
	records   []string
	ordinary  bool // not a zone, but an exception from special names
}

// localZoneOf converts a local zone, and reports whether it can be.
func (u *unbound) localZoneOf(c *clause, d *directive) (z localZone, ok bool) {
	z.name = d.arg(0)
	z.typ, ok = unboundTypes[d.arg(1)]
	switch d.arg(1) {
	case "nodefault":
		z.ordinary = true
		return z, true
	case "always_null":
		z.typ, ok = "redirect", true
		name := strings.TrimSuffix(z.name, ".") + "."
		z.records = []string{name + " 3600 A 0.0.0.0", name + " 3600 AAAA ::"}
	case "always_nxdomain", "always_refuse", "always_deny":
		if len(z.name) > 0 && u.hasData(c, z.name) {
			u.lose(d, "its records count here, and did not; nearest: policy.local_zones")
			return z, false
		}
	}
	if !ok {
		u.lose(d, "this type has no counterpart; nearest: policy.local_zones")
	}
	return z, ok
}

// hasData reports whether a clause has records at or below a name.
func (u *unbound) hasData(c *clause, zone string) bool {
	apex, err := wire.ParseName(zone)
	if err != nil {
		return false
	}
	for _, d := range c.all("local-data") {
		first, _, _ := strings.Cut(strings.TrimSpace(d.arg(0)), " ")
		if n, err := wire.ParseName(first); err == nil && n.Within(apex) {
			return true
		}
	}
	return false
}

// record converts local-data and local-data-ptr; "" if it cannot be.
func (u *unbound) record(d *directive) string {
	if d.name == "local-data" {
		return d.arg(0)
	}
	list := strings.Fields(strings.Join(d.args, " "))
	if len(list) < 2 || len(list) > 3 {
		u.lose(d, "it is not an address with a name; nearest: policy.local_records")
		return ""
	}
	a, err := netip.ParseAddr(list[0])
	if err != nil {
		u.lose(d, "%v; nearest: policy.local_records", err)
		return ""
	}
	ttl := ""
	if len(list) == 3 {
		ttl = " " + list[1]
	}
	return reverse(a) + ttl + " PTR " + strings.TrimSuffix(list[len(list)-1], ".") + "."
}

// reverse returns the name of an address (RFC 1035, section 3.5; RFC 3596, section 2.5).
func reverse(a netip.Addr) string {
	if a = a.Unmap(); a.Is4() {
		b := a.As4()
		return fmt.Sprintf("%d.%d.%d.%d.in-addr.arpa.", b[3], b[2], b[1], b[0])
	}
	var out strings.Builder
	b := a.As16()
	for i := len(b) - 1; i >= 0; i-- {
		fmt.Fprintf(&out, "%x.%x.", b[i]&15, b[i]>>4)
	}
	return out.String() + "ip6.arpa."
}

// localData converts the local zones and records of the clause server. The last type of a zone
// holds.
func (u *unbound) localData(c *clause) {
	last := map[string]*directive{}
	for _, d := range c.all("local-zone") {
		last[strings.ToLower(strings.TrimSuffix(d.arg(0), "."))] = d
	}
	for _, d := range c.all("local-zone") {
		if last[strings.ToLower(strings.TrimSuffix(d.arg(0), "."))] != d {
			continue
		}
		z, ok := u.localZoneOf(c, d)
		switch {
		case !ok:
		case z.ordinary:
			u.add("policy.ordinary_names", quote(z.name), d)
		default:
			u.add("policy.local_zones", fmt.Sprintf("{name: %s, type: %s}", quote(z.name), z.typ),
				d)
			for _, r := range z.records {
				u.add("policy.local_records", quote(r), d)
			}
		}
	}
	for _, d := range c.options {
		if d.name == "local-data" || d.name == "local-data-ptr" {
			if r := u.record(d); r != "" {
				u.add("policy.local_records", quote(r), d)
			}
		}
	}
}

// views converts views for networks. A view's local data take the place of those of all others;
// with view-first: yes it has both.
func (u *unbound) views() {
	clients := map[string][]string{}
	seen := map[netip.Prefix]bool{}
	for _, d := range u.server.all("access-control-view") {
		n, err := network(d.arg(0))
		if err != nil {
			u.lose(d, "%v; nearest: views", err)
			continue
		}
		if !seen[n] {
			seen[n] = true
			clients[d.arg(1)] = append(clients[d.arg(1)], n.String())
		}
	}
	for _, c := range u.clauses {
		if c.name != "view" {
			continue
		}
		name := c.text("name", "")
		if len(clients[name]) == 0 {
			u.leave(&c.directive, "no client has view %s", name)
			continue
		}
		u.view(c, name, clients[name])
	}
}

// view converts a view.
func (u *unbound) view(c *clause, name string, clients []string) {
	zones, records := []string{}, []string{}
	from := []*clause{c}
	if c.yes("view-first") {
		u.tell("of a zone of all below one of a view with view-first the longer name decides " +
			"here, and there the view")
		from = append(from, &u.server)
	}
	own := map[string]bool{}
	for i, f := range from {
		for _, d := range f.all("local-zone") {
			key := strings.ToLower(strings.TrimSuffix(d.arg(0), "."))
			if i > 0 && (own[key] || d.arg(1) == "nodefault") {
				continue
			}
			own[key] = true
			z, ok := u.localZoneOf(f, d)
			if ok && z.ordinary {
				u.lose(d, "nearest: ordinary_names of the view")
			} else if ok {
				zones = append(zones, z.name+" "+z.typ)
				records = append(records, z.records...)
			}
		}
		for _, d := range f.options {
			if d.name == "local-data" || d.name == "local-data-ptr" {
				if r := u.record(d); r != "" {
					records = append(records, r)
				}
			}
		}
	}
	for _, d := range c.options {
		switch d.name {
		case "name", "view-first", "local-zone", "local-data", "local-data-ptr":
		default:
			u.lose(d, "nearest: views")
		}
	}
	d := c.directive
	d.args = []string{name}
	local := ""
	if len(zones)+len(records) > 0 { // a view without local data has those of all others
		local = fmt.Sprintf(", local_zones: %s, local_records: %s", quotes(zones), quotes(records))
	}
	u.add("views", fmt.Sprintf("{name: %s, clients: %s%s}", quote(name), quotes(clients), local),
		&d)
}

// zone converts a forward or stub zone.
func (u *unbound) zone(c *clause) {
	kind := strings.TrimSuffix(c.name, "zone") // forward- or stub-
	d := c.directive
	d.args = []string{c.text("name", "")}
	all := u.server.yes("tls-upstream") || u.server.yes("ssl-upstream")
	z := zone{forward: kind == "forward-", name: c.text("name", ""), first: c.yes(kind + "first"),
		tls:     all || c.yes(kind+"tls-upstream") || c.yes(kind+"ssl-upstream"),
		tcp:     u.server.yes("tcp-upstream") || c.yes(kind+"tcp-upstream"),
		noCache: c.yes(kind + "no-cache"), at: &d}
	if bundle := u.server.last("tls-cert-bundle"); bundle != nil && z.tls && bundle.arg(0) != "" {
		z.ca = u.path(bundle.arg(0))
	}
	for _, o := range c.options {
		switch strings.TrimPrefix(o.name, kind) {
		case "addr":
			z.server(o.arg(0), u.builder, o)
		case "host":
			if z.tls || strings.ContainsAny(o.arg(0), "@#") {
				u.lose(o, "a host has no port and no TLS here; nearest: addresses of %s", z.key())
				continue
			}
			z.hosts = append(z.hosts, o.arg(0))
		case "name", "first", "tls-upstream", "ssl-upstream", "tcp-upstream", "no-cache":
		case "prime":
			u.leave(o, "a stub zone's servers are asked as they are given")
		default:
			u.lose(o, "nearest: %s", z.key())
		}
	}
	z.write(u.builder)
}

// sources converts where a zone comes from.
func (u *unbound) sources(c *clause) (fields []string) {
	var primaries []string
	for _, d := range c.options {
		switch d.name {
		case "primary", "master":
			if strings.Contains(d.arg(0), "#") {
				u.lose(d, "transfers over TLS; nearest: tls_name")
				continue
			}
			primaries = append(primaries, d.arg(0))
		case "url":
			fields = append(fields, "url: "+quote(d.arg(0)))
		case "allow-notify":
			u.leave(d, "the primaries may notify; nearest: notify_from")
		}
	}
	if len(primaries) > 0 {
		fields = append(fields, "primaries: "+quotes(primaries))
	}
	if d := c.last("zonefile"); d != nil {
		if len(fields) > 0 {
			u.leave(d, "copies are kept in state.directory")
		} else {
			fields = append(fields, "file: "+quote(filepath.Clean(u.path(d.arg(0)))))
		}
	}
	return fields
}

// held converts an auth-zone.
func (u *unbound) held(c *clause) {
	d := c.directive
	d.args = []string{c.text("name", "")}
	if c.text("for-upstream", "yes") == "no" {
		u.lose(&d, "a zone that is answered and not iterated with; nearest: zones.held")
		return
	}
	if c.text("for-downstream", "yes") != "no" {
		u.leave(&d, "its answers had AA and no AD; here they are those of a resolver")
	}
	fallback := "false"
	if c.yes("fallback-enabled") || d.arg(0) == "." {
		fallback = "true"
	}
	fields := append([]string{"name: " + quote(d.arg(0))}, u.sources(c)...)
	fields = append(fields, "fallback: "+fallback)
	for _, o := range c.options {
		switch o.name {
		case "name", "for-upstream", "for-downstream", "fallback-enabled", "primary", "master",
			"url", "allow-notify", "zonefile", "zonemd-check":
		default:
			u.lose(o, "nearest: zones.held")
		}
	}
	u.add("zones.held", "{"+strings.Join(fields, ", ")+"}", &d)
}

// unboundOverrides are actions in place of a policy zone's.
var unboundOverrides = map[string]string{"nxdomain": "nxdomain", "nodata": "nodata",
	"passthru": "passthru", "drop": "drop", "cname": "local-data", "disabled": "log-only"}

// rpz converts a response policy zone, which is in use with the module respip alone.
func (u *unbound) rpz(c *clause) {
	d := c.directive
	d.args = []string{c.text("name", "")}
	if m := u.server.last("module-config"); m == nil ||
		!strings.Contains(strings.Join(m.args, " "), "respip") {
		u.leave(&d, "module-config has no respip: it was off; nearest: policy.rpz")
		return
	}
	fields := append([]string{"name: " + quote(d.arg(0))}, u.sources(c)...)
	for _, o := range c.options {
		switch o.name {
		case "name", "primary", "master", "url", "allow-notify", "zonefile":
		case "rpz-action-override":
			fields = append(fields, "action: "+quote(unboundOverrides[o.arg(0)]))
		case "rpz-cname-override":
			fields = append(fields, "target: "+quote(o.arg(0)))
		case "rpz-log":
			if o.arg(0) == "yes" {
				fields = append(fields, "log: true")
			}
		case "rpz-log-name":
			u.leave(o, "log lines have the zone's name")
		case "rpz-signal-nxdomain-ra":
			u.leave(o, "blocked clients learn it by EDE; nearest: reason")
		default:
			u.lose(o, "the zone would be for all clients; nearest: policy.rpz, views")
			if o.name == "tags" {
				return
			}
		}
	}
	u.tell("policy zones do not rewrite secure answers of clients that set DO: break_dnssec: true")
	u.add("policy.rpz", "{"+strings.Join(fields, ", ")+"}", &d)
}
