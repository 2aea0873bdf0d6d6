// BIND's named.conf.

package migrate

import (
	"cmp"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"

	"bailiwick/internal/pattern"
)

// bindDiffers is what is on by default here and off there, or the reverse.
var bindDiffers = []string{
	"ANY over UDP is answered with one RRset (RFC 8482): server.any: full",
	"answers say why (EDE): server.ede",
	"questions without RD were answered from the cache; here they are refused: snoop in " +
		"policy.access",
	"special-use names as home.arpa, .local, .internal are answered here: policy.special_names, " +
		"policy.ordinary_names",
	"version.bind, hostname.bind and id.server are refused unless they are given: " +
		"server.version, server.identity",
}

var bindSection = pattern.New(`(?m)^\s*(?:(?:options|logging|controls)\s*\{|` +
	`(?:acl|view|zone|key|primaries|masters|tls|http)\s+"?[^\s"{};=:]+"?\s+(?:(?i:in)\s*)?\{|` +
	`include\s+"[^"\n]*"\s*;)`)

func isBIND(text string) bool { return bindSection.In(text) }

// named is a conversion.
type named struct {
	*builder
	files
	top     statement // all statements of the file
	options statement // those for all: options, and what the view of all others has
	acls    map[string]*acl
	keys    map[string]bool // TSIG keys that are in use
	zones   []*statement    // of all others
	views   []*bindView
	policy  map[string]bool // response policy zones
	own     []*directive    // zones of this server's that are copies here
	local   bool            // zones of this server's are local data, as views differ in them
}

func convertBIND(path string, b *builder) (err error) {
	b.loopback = true
	n := &named{builder: b, acls: map[string]*acl{}, keys: map[string]bool{},
		policy: map[string]bool{}}
	if n.top.body, err = readBIND(&n.files, path); err != nil {
		return err
	}
	for _, s := range n.top.all("options") {
		n.options.body = append(n.options.body, s.body...)
	}
	for _, s := range n.top.all("acl") {
		n.acls[s.arg(0)] = &acl{statement: s}
	}
	n.folder = filepath.Dir(path)
	if d := n.options.text("directory", ""); filepath.IsAbs(d) {
		n.folder = d
	}
	n.zones = n.top.all("zone")
	n.readViews()
	n.listeners()
	n.anchors()
	n.policyZones()
	n.each()
	n.clients()
	n.tsigKeys()
	for _, s := range n.top.body {
		switch s.name {
		case "options", "acl", "view", "zone", "key", "tls", "http", "primaries", "masters",
			"remote-servers", "trust-anchors", "trusted-keys", "managed-keys", "dnssec-keys":
		case "server":
			n.peer(s)
		default:
			bindTable.convert(n.builder, &s.directive, n.path)
		}
	}
	return nil
}

// called returns the statement with a name, as tls "name" { ... }.
func (n *named) called(kind, name string) *statement {
	for _, s := range n.top.all(kind) {
		if s.arg(0) == name {
			return s
		}
	}
	return nil
}

// listeners converts where it listens. Without a statement that is everywhere.
func (n *named) listeners() {
	for _, f := range []struct {
		name string
		any  netip.Addr
	}{{"listen-on", netip.IPv4Unspecified()}, {"listen-on-v6", netip.IPv6Unspecified()}} {
		all := n.options.all(f.name)
		if len(all) == 0 {
			all = []*statement{{directive: *defaultOf(f.name, "any"), block: true,
				body: []*statement{{directive: directive{name: "any"}}}}}
		}
		for _, s := range all {
			n.listener(s, f.any)
		}
	}
	n.closeOthers("no such listen-on")
}

// listener converts a statement listen-on.
func (n *named) listener(s *statement, any netip.Addr) {
	keys, port := []string{"listen.udp", "listen.tcp"}, n.options.text("port", "53")
	if s.word("tls") != "" && s.word("tls") != "none" {
		keys, port = []string{"listen.dot"}, "853"
		if !n.certificate(s) {
			return
		}
	}
	if http := s.word("http"); http != "" {
		keys, port = []string{"listen.doh"}, "443"
		if s.word("tls") == "none" {
			keys, port = []string{"listen.doh_plain"}, "80"
		}
		if h := n.called("http", http); h != nil {
			if e := h.last("endpoints"); e != nil && len(e.body) == 1 {
				n.set("doh.path", quote(e.body[0].name), &e.directive)
			} else if e != nil {
				n.lose(&e.directive, "there is one path here; nearest: doh.path")
			}
		}
	}
	if p := s.word("port"); p != "" {
		port = p
	}
	at := &s.directive
	for _, e := range n.unfold(s.body, map[string]bool{}) {
		if e.at.line > 0 {
			at = &e.directive
		}
		address, err := netip.ParseAddr(e.name)
		switch {
		case e.name == "none" || e.name == "!any":
			continue
		case e.name == "any" || e.name == "localhost":
			address = any
		case err != nil || address.Is4() != any.Is4():
			n.lose(at, "a listener has an address here; nearest: listen.udp, listen.tcp")
			continue
		}
		for _, key := range keys {
			n.add(key, quote(joined(address, port)), at)
		}
	}
}

// unfold returns the elements of a list with those of the lists that it names, each once.
func (n *named) unfold(body []*statement, seen map[string]bool) (list []*statement) {
	for _, e := range body {
		if a := n.acls[e.name]; a == nil {
			list = append(list, e)
		} else if !seen[e.name] {
			seen[e.name] = true
			list = append(list, n.unfold(a.statement.body, seen)...)
		}
	}
	return list
}

// certificate converts that of a listener, and reports whether it has one.
func (n *named) certificate(s *statement) bool {
	t := n.called("tls", s.word("tls"))
	if t == nil || t.text("cert-file", "") == "" || t.text("key-file", "") == "" {
		n.lose(&s.directive, "it has no certificate in a file; nearest: tls.certificates")
		return false
	}
	n.add("tls.certificates", fmt.Sprintf("{certificate: %s, key: %s}",
		quote(n.path(t.text("cert-file", ""))), quote(n.path(t.text("key-file", "")))),
		&t.directive)
	for _, o := range t.body {
		if !slices.Contains([]string{"cert-file", "key-file", "remote-hostname", "ca-file"},
			o.name) {
			n.leave(&o.directive, "TLS 1.2 and 1.3 with the choices of Go; nearest: "+
				"tls.certificates")
		}
	}
	return true
}

// anchors converts trust anchors. By default the root's are built in there too.
func (n *named) anchors() {
	mode := n.options.last("dnssec-validation")
	validation := "auto"
	if mode != nil {
		validation = strings.ToLower(mode.arg(0))
	}
	if validation == "no" || validation == "false" || validation == "0" {
		n.set("validator.validation", "false", &mode.directive)
	}
	var all []*statement
	for _, name := range []string{"trust-anchors", "dnssec-keys", "managed-keys", "trusted-keys"} {
		for _, s := range append(n.top.all(name), n.options.all(name)...) {
			for _, a := range s.body {
				if name == "trusted-keys" {
					a.args = append([]string{"static-key"}, a.args...)
				}
				all = append(all, a)
			}
		}
	}
	root, static := false, 0
	for _, a := range all {
		own := len(all) > 0 && validation != "auto" && a.name == "."
		if a.name == "." && validation == "auto" && strings.HasPrefix(a.arg(0), "initial") {
			n.leave(&a.directive, "the root's keys are built in, and followed as they roll (RFC "+
				"5011): trust_anchors.builtin, trust_anchors.follow, state.directory")
			continue
		}
		kind := map[string]string{"static-key": "DNSKEY", "initial-key": "DNSKEY",
			"static-ds": "DS", "initial-ds": "DS"}[a.arg(0)]
		if kind == "" || len(a.args) != 5 {
			n.lose(&a.directive, "it is not an anchor; nearest: trust_anchors.records")
			continue
		}
		if strings.HasPrefix(a.arg(0), "static") {
			static++
		}
		n.add("trust_anchors.records", quote(strings.TrimSuffix(a.name, ".")+". "+kind+" "+
			strings.Join(a.args[1:4], " ")+" "+strings.Join(strings.Fields(a.args[4]), "")),
			&a.directive)
		root = root || own
	}
	switch {
	case validation != "auto" && n.values["validator.validation"] == nil && len(all) == 0:
		n.set("validator.validation", "false", &mode.directive)
		n.tell("BIND had no trust anchor (dnssec-validation yes) and did not validate: " +
			"validator.validation: true for the root's keys, which are built in")
	case root:
		n.set("trust_anchors.builtin", "false", &mode.directive)
	}
	switch {
	case static > 0 && static == len(n.values["trust_anchors.records"]) && validation != "auto":
		n.set("trust_anchors.follow", "false", &all[0].directive)
	case static > 0:
		n.tell("static trust anchors are followed as their zones roll them, as the others are: " +
			"trust_anchors.follow")
	}
}

// tsigKeys converts the keys that are in use.
func (n *named) tsigKeys() {
	for _, s := range n.top.all("key") {
		if !n.keys[s.arg(0)] {
			n.leave(&s.directive, "nothing that was converted uses it; nearest: zones.tsig_keys")
			continue
		}
		n.add("zones.tsig_keys", fmt.Sprintf("{name: %s, algorithm: %s, secret: %s}",
			quote(s.arg(0)), quote(strings.ToLower(s.text("algorithm", ""))),
			quote(s.text("secret", ""))), &s.directive)
	}
}

// peer converts what is said of a server.
func (n *named) peer(s *statement) {
	for _, o := range s.body {
		switch {
		case o.name == "bogus" && o.arg(0) == "yes":
			n.add("resolver.do_not_query", quote(s.arg(0)), &o.directive)
		case o.name == "bogus":
		case o.name == "keys":
			n.leave(&o.directive, "it is said where the server is named: tsig of zones.held")
		default:
			n.leave(&o.directive, "servers are learnt one by one: what each understands is "+
				"noticed; nearest: resolver.do_not_query")
		}
	}
}

// primaries returns servers with the key that they have in common. Each list that has a name is
// read once.
func (n *named) primaries(s *statement, seen map[string]bool) (list []string, key string) {
	port := s.word("port")
	for _, e := range s.body {
		if o := cmp.Or(n.called("primaries", e.name), n.called("masters", e.name),
			n.called("remote-servers", e.name)); o != nil {
			if !seen[e.name] {
				seen[e.name] = true
				more, k := n.primaries(o, seen)
				list, key = append(list, more...), cmp.Or(k, key)
			}
			continue
		}
		at := port
		if p := e.word("port"); p != "" {
			at = p
		}
		if e.word("tls") != "" && e.word("tls") != "none" {
			n.lose(&e.directive, "transfers over TLS; nearest: tls_name of zones.held")
			continue
		}
		if k := e.word("key"); k != "" {
			key = k
		}
		a := e.name
		if at != "" {
			a += "@" + at
		}
		list = append(list, a)
	}
	for _, a := range list {
		address, _, _ := strings.Cut(a, "@")
		for _, p := range n.top.all("server") {
			if keys := p.last("keys"); keys != nil && key == "" && p.arg(0) == address {
				key = keys.arg(0)
				if len(keys.body) > 0 {
					key = keys.body[0].name
				}
			}
		}
	}
	return list, key
}

// source converts where a zone comes from: its file, or its primaries.
func (n *named) source(z *statement) (fields []string) {
	for _, name := range []string{"primaries", "masters"} {
		if p := z.last(name); p != nil {
			list, key := n.primaries(p, map[string]bool{})
			fields = append(fields, "primaries: "+quotes(list))
			if key != "" {
				n.keys[key] = true
				fields = append(fields, "tsig: "+quote(key))
			}
			return fields
		}
	}
	if f := z.last("file"); f != nil {
		fields = append(fields, "file: "+quote(n.path(f.arg(0))))
	}
	return fields
}
