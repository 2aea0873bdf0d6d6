// BIND's zones, views and response policy zones, and who may ask.

package migrate

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// bindView is a view, or what holds without views.
type bindView struct {
	statement *statement
	name      string
	match     matchList
	keys      []string
	recursive bool
	query     matchLists // who may ask
	may       matchLists // who may ask for any name: all of them have to fit
}

// readViews reads the views. The last one that is for everybody is the configuration for all
// others here.
func (n *named) readViews() {
	views := n.top.all("view")
	n.local = len(views) > 0
	for i, s := range views {
		v := &bindView{statement: s, name: s.arg(0)}
		match := s.last("match-clients")
		everybody := match == nil ||
			len(match.body) == 1 && match.body[0].name == "any"
		for _, name := range []string{"match-destinations", "match-recursive-only"} {
			if o := s.last(name); o != nil && o.arg(0) != "no" {
				n.lose(&o.directive, "a view is for networks, keys or listeners; nearest: "+
					"listeners of views")
				everybody = false
			}
		}
		switch {
		case match != nil:
			v.match, v.keys = n.matchList(match, "clients of views")
		default:
			v.match = matchList{{network: everyNetwork[0]}, {network: everyNetwork[1]}}
		}
		n.views = append(n.views, v)
		if everybody && i == len(views)-1 {
			v.statement = nil
			for _, o := range s.body {
				if o.name == "zone" {
					n.zones = append(n.zones, o)
				} else {
					n.options.body = append(n.options.body, o)
				}
			}
		}
	}
	if len(views) == 0 {
		n.views = []*bindView{{match: matchList{{network: everyNetwork[0]},
			{network: everyNetwork[1]}}}}
	}
	for _, v := range n.views {
		n.mayAsk(v)
	}
}

// in returns the option that holds in a view.
func (n *named) in(v *bindView, name string) *statement {
	if v.statement != nil {
		if s := v.statement.last(name); s != nil {
			return s
		}
	}
	return n.options.last(name)
}

// mayAsk reads who may ask in a view. Those that are not given follow each other; without any of
// them it is this machine and the networks of its interfaces.
func (n *named) mayAsk(v *bindView) {
	v.recursive = true
	if r := n.in(v, "recursion"); r != nil && (r.arg(0) == "no" || r.arg(0) == "false") {
		v.recursive = false
		n.lose(&r.directive, "a server without recursion: this is a resolver alone; nearest: "+
			"policy.access")
		return
	}
	query, recursion, cache := n.in(v, "allow-query"), n.in(v, "allow-recursion"),
		n.in(v, "allow-query-cache")
	if query != nil {
		v.query = matchLists{n.people(query)}
		v.may = append(v.may, v.query...)
	}
	if r := cmp.Or(recursion, cache, query); r != nil {
		v.may = append(v.may, n.people(r))
	} else {
		v.may = append(v.may, n.neighbours())
	}
	if recursion != nil && cache != nil {
		v.may = append(v.may, n.people(cache))
	}
}

// neighbours are this machine and the networks of its interfaces.
func (n *named) neighbours() matchList {
	d := defaultOf("allow-recursion", "localnets;", "localhost;")
	text := "the networks of this machine's interfaces have to be written out; nearest: " +
		"policy.access"
	if !slices.ContainsFunc(n.notes, func(o note) bool { return o.why == text }) {
		n.lose(d, "%s", text)
	}
	return thisMachine
}

// people reads who may ask. A key says nothing of it here.
func (n *named) people(s *statement) matchList {
	l, keys := n.matchList(s, "policy.access")
	if len(keys) > 0 {
		n.lose(&s.directive, "who may ask is known by addresses; nearest: tsig_keys of views")
	}
	return l
}

// clients converts who may ask and who has which view: both from the networks of all lists.
func (n *named) clients() {
	var lists []matchList
	blackhole := matchList(nil)
	if s := n.options.last("blackhole"); s != nil {
		blackhole = n.people(s)
		lists = append(lists, blackhole)
	}
	for _, v := range n.views {
		lists = append(append(lists, v.match), v.may...)
	}
	all := regions(lists...)
	viewOf := func(p netip.Prefix) *bindView {
		for _, v := range n.views {
			if positive, fits := v.match.match(p); fits && positive {
				return v
			}
		}
		return nil
	}
	networks, actions := decide(all, "refuse", func(p netip.Prefix) string {
		if positive, fits := blackhole.match(p); fits && positive {
			return "drop"
		}
		v := viewOf(p)
		if v == nil || !v.recursive {
			return "refuse"
		}
		if !v.may.fitsAll(p) {
			return "refuse"
		}
		return "allow"
	})
	from := cmp.Or(n.options.last("allow-recursion"), n.options.last("allow-query"),
		n.options.last("blackhole"))
	d := defaultOf("allow-recursion")
	if from != nil {
		d = &from.directive
	}
	for i, p := range networks {
		n.add(accessKey, quote(p.String()+" "+actions[i]), d)
	}
	if len(networks) == 0 { // without a rule the networks of the defaults might ask
		n.add(accessKey, quote("0.0.0.0/0 refuse"), d)
	}
	networks, names := decide(all, "", func(p netip.Prefix) string {
		if v := viewOf(p); v != nil {
			return v.name
		}
		return ""
	})
	clients := map[string][]string{}
	for i, p := range networks {
		clients[names[i]] = append(clients[names[i]], p.String())
	}
	n.writeViews(clients)
	if len(n.own) > 0 && slices.ContainsFunc(all, func(p netip.Prefix) bool {
		v := viewOf(p)
		return v != nil && v.query.fitsAll(p) && !v.may.fitsAll(p)
	}) {
		n.lose(n.own[0], "clients that may not recurse had answers of this server's zones, and "+
			"have none here; nearest: policy.access")
	}
}

// writeViews writes the views and what all others have.
func (n *named) writeViews(clients map[string][]string) {
	others := n.parts(n.zones, nil)
	all := slices.Clone(others)
	var views []view
	for _, v := range n.views {
		if v.statement == nil {
			// Where networks within another view's have what all others have.
			within := slices.DeleteFunc(clients[v.name], func(s string) bool {
				return strings.HasSuffix(s, "/0")
			})
			if len(within) > 0 {
				views = append(views, view{name: v.name, clients: within, parts: others,
					at: defaultOf("view", v.name)})
			}
			continue
		}
		if len(clients[v.name])+len(v.keys) == 0 {
			n.lose(&v.statement.directive, "no network and no key has this view; nearest: "+
				"clients of views")
			continue
		}
		for _, k := range v.keys {
			n.keys[k] = true
		}
		own := view{name: v.name, clients: clients[v.name], keys: v.keys,
			parts: n.parts(v.statement.all("zone"), v), at: &v.statement.directive}
		own.more = n.viewOptions(v)
		all = append(all, own.parts...)
		views = append(views, own)
	}
	n.addParts(others)
	for _, v := range views {
		v.write(n.builder, all)
	}
}

// viewOptions converts the options of a view that are no zones.
func (n *named) viewOptions(v *bindView) (more []string) {
	for _, o := range v.statement.body {
		switch o.name {
		case "zone", "match-clients", "match-destinations", "match-recursive-only", "recursion",
			"allow-query", "allow-recursion", "allow-query-cache", "forwarders", "forward",
			"validate-except", "disable-empty-zone":
		case "dnssec-validation":
			if o.arg(0) == "no" {
				more = append(more, `validation: "off"`)
			} else if n.values["validator.validation"] != nil {
				more = append(more, `validation: "on"`)
			}
		case "response-policy":
			if all := n.options.last("response-policy"); all == nil ||
				all.listing() != o.listing() {
				n.lose(&o.directive, "policy zones are for all clients; nearest: policy.rpz, "+
					"block_lists of views")
			}
		default:
			if why := bindNeedless[o.name]; why != "" {
				n.leave(&o.directive, "%s", why)
			} else {
				n.lose(&o.directive, "it would be for all clients; nearest: views")
			}
		}
	}
	if n.options.last("response-policy") != nil && v.statement.last("response-policy") == nil &&
		len(n.top.all("view")) > 0 && n.inDefault("response-policy") {
		n.lose(&v.statement.directive, "policy zones are for all clients, and those of this view "+
			"had none; nearest: policy.rpz, views")
	}
	return more
}

// inDefault reports whether an option is the view's of all others, and no option of all views.
func (n *named) inDefault(name string) bool {
	for _, s := range n.top.all("options") {
		if s.last(name) != nil {
			return false
		}
	}
	return true
}

// listing writes a statement with what is in it.
func (s *statement) listing() string {
	text := s.directive.name + " " + strings.Join(s.args, " ") + "{"
	for _, o := range s.body {
		text += o.listing()
	}
	return text + "}" + strings.Join(s.after, " ") + ";"
}

// parts converts zones and what goes with them, for a view, or without one for all others.
func (n *named) parts(zones []*statement, v *bindView) (list []part) {
	own := &n.options
	if v != nil {
		own = v.statement
	} else {
		v = &bindView{}
	}
	if f := n.in(v, "forwarders"); f != nil && len(f.body) > 0 {
		z := zone{forward: true, name: ".", first: true, at: &f.directive}
		if o := n.in(v, "forward"); o != nil && o.arg(0) == "only" {
			z.first = false
		}
		n.servers(&z, f)
		if text := z.record(n.builder); text != "" {
			list = append(list, part{"forward_zones", text, &f.directive})
		}
	}
	except := own.all("validate-except")
	if len(except) == 0 && own != &n.options {
		except = n.options.all("validate-except")
	}
	for _, s := range except {
		for _, e := range s.body {
			list = append(list, part{"insecure", quote(e.name), &e.directive})
		}
	}
	for _, s := range own.all("disable-empty-zone") {
		list = append(list, part{"ordinary_names", quote(s.arg(0)), &s.directive})
	}
	for _, z := range zones {
		list = append(list, n.zone(z, v)...)
	}
	return list
}

// servers adds the servers of a statement forwarders.
func (n *named) servers(z *zone, f *statement) {
	for _, e := range f.body {
		text := e.name
		if port := cmp.Or(e.word("port"), f.word("port")); port != "" {
			text += "@" + port
		}
		tls := cmp.Or(e.word("tls"), f.word("tls"))
		over := tls != "" && tls != "none"
		if len(z.addrs) > 0 && over != z.tls {
			n.lose(&e.directive, "all servers of a zone are asked alike; nearest: transport of %s",
				z.key())
			continue
		}
		if z.tls = over; over {
			if t := n.called("tls", tls); t != nil {
				text += "#" + t.text("remote-hostname", "")
				if ca := t.text("ca-file", ""); ca != "" {
					z.ca = n.path(ca)
				}
			}
		}
		z.server(text, n.builder, &e.directive)
	}
}

// bindReserved are zones that files of distributions have, whose names are answered here anyway.
var bindReserved = []string{"localhost", "127.in-addr.arpa", "0.in-addr.arpa", "255.in-addr.arpa",
	"localhost.localdomain", "0.0.127.in-addr.arpa", "1.0.0.127.in-addr.arpa"}

// zone converts a zone.
func (n *named) zone(z *statement, v *bindView) []part {
	name := strings.ToLower(zoneName(z.arg(0)))
	d := z.directive
	d.args = z.args[:min(len(z.args), 1)]
	kind := z.text("type", "")
	reverse := strings.HasSuffix(name, ".in-addr.arpa") || strings.HasSuffix(name, ".ip6.arpa")
	switch {
	case n.policy[name]: // converted as a response policy zone
		return nil
	case z.last("in-view") != nil:
		n.lose(&d, "it is another view's zone too; nearest: local_zones of views")
		return nil
	case kind == "hint":
		if f := z.last("file"); f != nil && v.statement == nil {
			n.set("resolver.root_hints_file", quote(n.path(f.arg(0))), &f.directive)
		}
		return nil
	case (kind == "master" || kind == "primary") && (slices.Contains(bindReserved, name) ||
		reverse && strings.HasSuffix(z.text("file", ""), "db.empty")):
		n.leave(&d, "it is answered here anyway; nearest: policy.special_names")
		return nil
	case kind == "forward":
		return n.forwardZone(z, v, name, &d)
	case kind == "stub", kind == "static-stub":
		return n.stubZone(z, name, &d)
	case (kind == "master" || kind == "primary") && n.local:
		return n.localZone(z, name, &d)
	case kind == "master", kind == "primary", kind == "slave", kind == "secondary",
		kind == "mirror":
		return n.heldZone(z, v, name, kind, &d)
	case kind == "redirect":
		n.lose(&d, "answers in place of NXDOMAIN; nearest: policy.rpz")
	default:
		n.lose(&d, "a zone of type %q; nearest: zones.held", kind)
	}
	return nil
}

// forwardZone converts a zone of type forward. Without forwarders it is an exception from those of
// all names.
func (n *named) forwardZone(z *statement, v *bindView, name string, d *directive) []part {
	f := z.last("forwarders")
	all := n.in(v, "forwarders")
	switch {
	case f != nil && len(f.body) > 0:
	case all == nil || len(all.body) == 0:
		n.leave(d, "no name is forwarded but those of forward_zones")
		return nil
	case f != nil:
		n.lose(d, "an exception from the forwarders of all names; nearest: resolver.stub_zones "+
			"with the zone's servers")
		return nil
	default:
		n.leave(d, "it has no forwarders of its own")
		return nil
	}
	only := z.text("forward", "first")
	if o := n.in(v, "forward"); o != nil && z.last("forward") == nil {
		only = o.arg(0)
	}
	out := zone{forward: true, name: name, first: only != "only", at: d}
	n.servers(&out, f)
	if text := out.record(n.builder); text != "" {
		return []part{{"forward_zones", text, d}}
	}
	return nil
}

// stubZone converts a zone of type stub or static-stub.
func (n *named) stubZone(z *statement, name string, d *directive) []part {
	out := zone{name: name, at: d}
	if z.text("type", "") == "stub" {
		n.tell("servers of stub zones are asked as they are given, and not whom they name")
	}
	for _, o := range z.body {
		switch o.name {
		case "primaries", "masters":
			list, _ := n.primaries(o, map[string]bool{})
			for _, a := range list {
				out.server(a, n.builder, &o.directive)
			}
		case "server-addresses":
			for _, e := range o.body {
				out.server(e.name, n.builder, &e.directive)
			}
		case "server-names":
			for _, e := range o.body {
				out.hosts = append(out.hosts, e.name)
			}
		}
	}
	if text := out.record(n.builder); text != "" {
		return []part{{"stub_zones", text, d}}
	}
	return nil
}

// heldZone converts a zone that this server has itself. Its answers were not validated: a private
// zone below a signed one would be bogus.
func (n *named) heldZone(z *statement, v *bindView, name, kind string, d *directive) []part {
	if v.statement != nil {
		n.lose(d, "a copy of a zone would be for all clients; nearest: zones.held")
		return nil
	}
	if kind == "mirror" && name == "." {
		n.set("zones.local_root", "true", d)
		return nil
	}
	fields := n.source(z)
	if len(fields) == 0 {
		n.lose(d, "it has neither a file nor primaries; nearest: zones.held")
		return nil
	}
	if z.last("update-policy") != nil || z.last("allow-update") != nil &&
		!slices.ContainsFunc(z.last("allow-update").body, func(e *statement) bool {
			return e.name == "none"
		}) {
		n.lose(d, "dynamic updates: the zone is what its file says; nearest: zones.held")
	}
	mirror := kind == "mirror"
	n.add("zones.held", "{name: "+quote(name)+", "+strings.Join(fields, ", ")+fmt.Sprintf(
		", fallback: %v}", mirror), d)
	if mirror { // it has to validate
		return nil
	}
	n.tell("answers of zones of this server had AA and no AD, and their zones could be " +
		"transferred; here they are those of a resolver")
	n.own = append(n.own, d)
	return []part{{"insecure", quote(name), d}}
}

// localZone converts a zone of this server's that views have each their own of, by its records.
func (n *named) localZone(z *statement, name string, d *directive) (list []part) {
	path := n.path(z.text("file", ""))
	text, err := readFile(path, maxTotal)
	if err != nil {
		n.lose(d, "%v; nearest: local_records of views", err)
		return nil
	}
	origin := strings.TrimSuffix(name, ".") + "."
	list = []part{{"local_zones", quote(name + " static"), d}}
	p := dns.NewZoneParser(strings.NewReader(text), origin, path)
	for r, ok := p.Next(); ok; r, ok = p.Next() {
		cut := r.Header().Rrtype == dns.TypeNS && !strings.EqualFold(r.Header().Name, origin)
		switch {
		case cut:
			n.lose(d, "%s is delegated: its names are none of this server's; nearest: "+
				"stub_zones of views", r.Header().Name)
			continue
		case !dns.IsSubDomain(origin, r.Header().Name):
			continue
		}
		if len(list) > maxRecords {
			n.lose(d, "more than %d records; nearest: zones.held", maxRecords)
			return nil
		}
		list = append(list, part{"local_records", quote(strings.ReplaceAll(r.String(), "\t", " ")),
			d})
	}
	if err := p.Err(); err != nil {
		n.lose(d, "%v; nearest: local_records of views", err)
		return nil
	}
	return list
}

// bindOverrides are actions in place of a policy zone's.
var bindOverrides = map[string]string{"given": "given", "disabled": "log-only",
	"passthru": "passthru", "drop": "drop", "nxdomain": "nxdomain", "nodata": "nodata",
	"tcp-only": "tcp-only", "no-op": "passthru", "cname": "local-data"}

// policyZones converts response policy zones, whose sources are those of the zones of their names.
func (n *named) policyZones() {
	s := n.options.last("response-policy")
	for _, v := range n.top.all("view") {
		for _, o := range v.all("response-policy") {
			n.policyNames(o)
		}
	}
	if s == nil {
		return
	}
	n.policyNames(s)
	flags := (&statement{directive: directive{args: s.after}})
	if flags.word("break-dnssec") != "yes" {
		n.leave(&s.directive, "break-dnssec is off here too")
	}
	for _, e := range s.body {
		if e.name != "zone" {
			continue
		}
		name := strings.ToLower(strings.TrimSuffix(e.arg(0), "."))
		fields := []string{"name: " + quote(name)}
		for _, z := range slices.Concat(n.zones, n.viewZones()) {
			if strings.EqualFold(strings.TrimSuffix(z.arg(0), "."), name) {
				fields = append(fields, n.source(z)...)
				break
			}
		}
		if action := bindOverrides[e.word("policy")]; action != "" && action != "given" {
			fields = append(fields, "action: "+action)
			if action == "local-data" {
				i := slices.Index(e.args, "cname")
				fields = append(fields, "target: "+quote((&directive{args: e.args}).arg(i+1)))
			}
		}
		if flags.word("break-dnssec") == "yes" {
			fields = append(fields, "break_dnssec: true")
		}
		if flags.word("qname-wait-recurse") != "no" {
			fields = append(fields, "wait_recurse: true")
		}
		if e.word("log") != "no" {
			fields = append(fields, "log: true")
		}
		for _, w := range []string{"max-policy-ttl", "min-update-interval", "ede",
			"nsip-enable", "nsdname-enable", "add-soa"} {
			if e.word(w) != "" {
				n.leave(&e.directive, "%s has no counterpart; nearest: policy.rpz", w)
			}
		}
		n.add("policy.rpz", "{"+strings.Join(fields, ", ")+"}", &e.directive)
	}
}

// policyNames notes the zones of a statement response-policy.
func (n *named) policyNames(s *statement) {
	for _, e := range s.body {
		if e.name == "zone" {
			n.policy[strings.ToLower(strings.TrimSuffix(e.arg(0), "."))] = true
		}
	}
}

// viewZones returns the zones of all views.
func (n *named) viewZones() (list []*statement) {
	for _, v := range n.top.all("view") {
		list = append(list, v.all("zone")...)
	}
	return list
}
