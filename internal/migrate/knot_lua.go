// kresd.conf: calls that are usual are converted, all others are listed with their line.

package migrate

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// lua converts a file.
func (k *knot) lua(path, text string) error {
	tokens, err := luaTokens(path, text)
	if err != nil {
		return err
	}
	p := &luaParser{path: path, tokens: tokens, vars: map[string]luaValue{}}
	for _, s := range p.statements() {
		switch {
		case !s.known:
			k.lose(&s.directive, "Lua is not run; nearest: %s", nearestLua(s.name))
		case s.call.kind == 'n':
			k.assign(&s.directive, s.call.text, k.resolve(s.value, p.vars, 0))
		default:
			k.call(&s.directive, k.resolve(s.call, p.vars, 0))
		}
	}
	k.clientAccess(true)
	return nil
}

// resolve puts the values of variables in place of their names.
func (k *knot) resolve(v luaValue, vars map[string]luaValue, depth int) luaValue {
	if o, ok := vars[v.text]; v.kind == 'n' && ok && depth < maxNesting && o.kind != 'n' {
		return o // a value names no other variable: what is written is what is meant
	}
	if len(v.list) > 0 {
		list := make([]luaValue, len(v.list))
		for i, o := range v.list {
			list[i] = k.resolve(o, vars, depth+1)
		}
		v.list = list
	}
	return v
}

// nearestLua is the key of ours that is nearest to what a statement is about.
func nearestLua(name string) string {
	for _, n := range []struct{ word, key string }{{"view", "views"},
		{"policy", "policy.local_zones, resolver.forward_zones"},
		{"hints", "policy.local_records"}, {"net", "listen.udp"},
		{"trust_anchors", "trust_anchors"}, {"cache", "cache.memory"}, {"event", "hooks"}} {
		if strings.HasPrefix(name, n.word) {
			return n.key
		}
	}
	return "none"
}

// assign converts an assignment.
func (k *knot) assign(d *directive, name string, v luaValue) {
	if host, ok := strings.CutPrefix(name, "hints[]"); ok {
		k.host(d, host, v.text)
		return
	}
	switch name {
	case "modules":
		for _, m := range v.list {
			k.module(d, m.text, luaValue{})
		}
		for _, m := range slices.Sorted(maps.Keys(v.named)) {
			k.module(d, m, v.named[m])
		}
	case "cache.size":
		k.cacheSize(d, int64(v.number))
	case "net.ipv4", "net.ipv6":
		if v.text == "false" {
			k.set(map[string]string{"net.ipv4": "resolver.ipv4", "net.ipv6": "resolver.ipv6"}[name],
				quote("false"), d)
		}
	case "trust_anchors.negative":
		k.insecure(d, v)
	case "cache.storage", "trust_anchors.hold_down_time", "trust_anchors.refresh_time",
		"trust_anchors.keep_removed":
		k.leave(d, "nearest: cache.memory, trust_anchors.follow")
	default:
		if strings.ContainsAny(name, ".[") {
			k.lose(d, "nearest: %s", nearestLua(name))
		} // else it is a variable, whose value stands where it is used
	}
}

// insecure adds names that are not validated.
func (k *knot) insecure(d *directive, v luaValue) {
	for _, name := range v.texts() {
		k.add("trust_anchors.insecure", quote(name), d)
	}
}

// knotModules need nothing here, with the reason.
var knotModules = map[string]string{
	"stats":            "metrics are at admin.listen",
	"hints":            "",
	"policy":           "",
	"view":             "",
	"http":             "nearest: admin.listen",
	"graphite":         "metrics are at admin.listen",
	"workarounds":      "servers that fail are asked in other ways",
	"nsid":             "",
	"watchdog":         "systemd watches it",
	"bogus_log":        "each failure has a cause: bailiwick ctl failures list",
	"ta_sentinel":      "it is always so",
	"ta_signal_query":  "nearest: trust_anchors.signal",
	"ta_update":        "nearest: trust_anchors.follow",
	"edns_keepalive":   "it is always so",
	"extended_error":   "nearest: server.ede",
	"refuse_nord":      "it is so here too",
	"detect_time_skew": "nearest: clock.earliest",
	"detect_time_jump": "the cache has a clock of its own",
	"priming":          "nearest: resolver.priming",
	"prefill":          "",
	"etcd":             "nearest: include",
	"dnstap":           "nearest: dnstap.to",
	"cookies":          "nearest: server.cookies",
}

// module converts a module, with its configuration if it has one. Its place among the others, as in
// 'hints > iterate', is none of ours.
func (k *knot) module(d *directive, name string, v luaValue) {
	name, _, _ = strings.Cut(name, "<")
	name, _, _ = strings.Cut(name, ">")
	name = strings.TrimSpace(name)
	why, known := knotModules[name]
	switch {
	case name == "predict" || name == "prefetch":
		k.set("cache.prefetch", "true", d)
	case name == "serve_stale":
		k.set("stale.enabled", "true", d)
	case name == "rebinding":
		k.rebinding(d)
	case name == "dns64":
		prefix := "64:ff9b::/96"
		if t := v.texts(); v.kind == 's' && len(t) == 1 {
			prefix = t[0]
		} else if p := v.named["prefix"]; p.kind == 's' {
			prefix = p.text
		}
		k.prefix64(d, prefix)
	case name == "hints" && v.kind == 's':
		k.add("policy.hosts_files", quote(k.path(v.text)), d)
	case name == "prefill" && v.kind == '{':
		k.set("zones.local_root", "true", d)
	case known && why != "":
		k.leave(d, "%s: %s", name, why)
	case !known:
		k.lose(d, "there is no module %s here; nearest: policy", name)
	}
}

// call converts a call.
func (k *knot) call(d *directive, v luaValue) {
	first := v.arg(0)
	switch v.text {
	case "net.listen":
		k.listenCall(d, v)
	case "net.tls":
		if len(v.list) < 2 {
			k.lose(d, "nearest: tls.certificates")
			return
		}
		k.add("tls.certificates", fmt.Sprintf("{certificate: %s, key: %s}",
			quote(k.path(first.text)), quote(k.path(v.arg(1).text))), d)
	case "net.bufsize":
		k.set("resolver.udp_size", quote(first.text), d)
		k.set("server.max_udp_size", quote(cmp.Or(v.arg(1).text, first.text)), d)
	case "net.outgoing_v4", "net.outgoing_v6":
		k.add("resolver.source_addresses", quote(first.text), d)
	case "cache.open":
		k.cacheSize(d, int64(first.number))
	case "cache.max_ttl", "cache.min_ttl":
		k.set(v.text, first.text+"s", d)
	case "modules.load", "modules.unload":
		if v.text == "modules.load" {
			k.module(d, first.text, luaValue{})
		} else {
			k.leave(d, "modules of this kind are none here")
		}
	case "predict.config":
		k.set("cache.prefetch", "true", d)
	case "dns64.config":
		k.module(d, "dns64", first)
	case "prefill.config":
		k.set("zones.local_root", "true", d)
	case "nsid.name":
		k.set("server.nsid", quote("ascii_"+first.text), d)
	case "hints.add_hosts", "hints.config":
		k.add("policy.hosts_files", quote(k.path(cmp.Or(first.text, "/etc/hosts"))), d)
	case "hints.root_file":
		k.set("resolver.root_hints_file", quote(k.path(first.text)), d)
	case "hints.set":
		name, address, _ := strings.Cut(first.text, " ")
		k.host(d, name, strings.TrimSpace(address))
	case "trust_anchors.add":
		k.anchors = true
		k.add("trust_anchors.records", quote(first.text), d)
	case "trust_anchors.add_file", "trust_anchors.config":
		k.anchors = true
		k.set("trust_anchors.file", quote(k.path(first.text)), d)
		k.set("trust_anchors.builtin", "false", d)
	case "trust_anchors.remove":
		if zoneName(first.text) == "." {
			k.anchors = len(k.values["trust_anchors.records"]) > 0
			k.set("trust_anchors.builtin", "false", d)
		}
	case "trust_anchors.set_insecure":
		k.insecure(d, first)
	case "policy.add":
		k.rule(d, first)
	case "view.addr":
		k.viewRule(d, v)
	case "option":
		k.option(d, first.text, v.arg(1).text == "true")
	default:
		if slices.Contains([]string{"user", "verbose", "log_level", "log_target", "log_groups",
			"print", "mode",
			"cache.clear", "net.tcp_pipeline", "net.tls_padding", "net.tls_sticket_secret",
			"net.tls_sticket_secret_file", "hints.ttl", "hints.use_nodata", "stats.clear",
			"http.config", "graphite.config", "setlogfacility", "require"}, v.text) &&
			first.text != "permissive" {
			k.leave(d, "nearest: log.level, admin.listen, tls.ticket_secret")
			return
		}
		k.lose(d, "Lua is not run; nearest: %s", nearestLua(v.text))
	}
}

// listenCall converts net.listen(address, port, {kind = ...}).
func (k *knot) listenCall(d *directive, v luaValue) {
	port, kind := "53", ""
	for _, o := range v.list[min(1, len(v.list)):] {
		if o.kind == '0' {
			port = o.text
		}
		if n, ok := o.named["kind"]; ok {
			kind = n.text
		}
		if o.named["tls"].text == "true" {
			kind = "tls"
		}
	}
	addresses := v.arg(0).texts()
	if len(addresses) == 0 {
		k.listening = true
		k.lose(d, "an interface is named by its addresses here; nearest: listen.udp, listen.tcp")
	}
	for _, a := range addresses {
		k.listen(d, a, port, kind)
	}
}

// option converts an option for all queries.
func (k *knot) option(d *directive, name string, on bool) {
	switch name {
	case "NO_MINIMIZE":
		to := "relaxed"
		if on {
			to = "off"
		}
		k.set("resolver.qname_minimisation", quote(to), d)
	case "NO_0X20":
		k.set("resolver.case_randomisation", strconv.FormatBool(!on), d)
	case "ALLOW_LOCAL":
		k.set("resolver.do_not_query_localhost", strconv.FormatBool(!on), d)
	case "REORDER_RR":
		k.set("server.rotate_answers", strconv.FormatBool(on), d)
	default:
		k.lose(d, "nearest: resolver")
	}
}

// rule converts a rule of policy.add. The first one that fits a name decides.
func (k *knot) rule(d *directive, v luaValue) {
	switch v.text {
	case "policy.all":
		k.action(d, v.arg(0), []string{"."})
	case "policy.suffix", "policy.domains", "policy.suffix_common":
		var names []string
		for _, n := range v.arg(1).list {
			names = append(names, luaNames(n)...)
		}
		names = append(names, luaNames(v.arg(1))...)
		if v.text == "policy.domains" {
			k.tell("rules for domains without those below them hold for these too")
		}
		if len(names) == 0 {
			k.lose(d, "it has no names that can be read; nearest: policy.local_zones")
			return
		}
		k.action(d, v.arg(0), names)
	case "policy.rpz":
		k.policyFile(d, v.arg(1).text)
	default:
		k.lose(d, "Lua is not run; nearest: policy.local_zones, policy.rpz, resolver.forward_zones")
	}
}

// luaNames are the names of todname('...') and policy.todnames({...}).
func luaNames(v luaValue) []string {
	if v.kind == '(' && slices.Contains([]string{"todname", "policy.todnames",
		"kres.str2dname"}, v.text) {
		return v.arg(0).texts()
	}
	return nil
}

// action converts what is done with names.
func (k *knot) action(d *directive, v luaValue, names []string) {
	for _, name := range names {
		if slices.Contains([]string{"policy.QTRACE", "policy.DEBUG_ALWAYS", "policy.DEBUG_IF"},
			v.text) {
			k.leave(d, "bailiwick explain NAME tells it")
			return
		}
		if v.text == "policy.FLAGS" || v.text == "policy.MIRROR" { // later rules hold as well
			k.flags(d, v, name)
			continue
		}
		if k.within(name) {
			k.leave(d, "an earlier rule holds for %s", name)
			continue
		}
		switch v.text {
		case "policy.FORWARD", "policy.TLS_FORWARD", "policy.STUB":
			k.forward(d, v, name)
		case "policy.DENY", "policy.DENY_MSG":
			k.block(d, name, "nxdomain")
		case "policy.DROP":
			k.servfail()
			k.block(d, name, "refuse")
		case "policy.REFUSE":
			k.block(d, name, "refuse")
		case "policy.NO_ANSWER":
			k.block(d, name, "drop")
		case "policy.PASS":
			k.leave(d, "no later rule holds for %s: it is resolved as all others", name)
		default:
			k.lose(d, "%s; nearest: policy.local_records, policy.rpz",
				cmp.Or(v.text, "what cannot be read"))
		}
	}
}

// flags converts what holds for names beside the rule that decides: that they are not kept, if they
// are forwarded.
func (k *knot) flags(d *directive, v luaValue, name string) {
	set := append(v.arg(0).texts(), v.arg(1).texts()...)
	if v.text == "policy.FLAGS" && slices.Equal(set, []string{"NO_CACHE"}) && name != "." {
		k.unkept = append(k.unkept, strings.ToLower(zoneName(name)))
		k.leave(d, "no_cache of %s, if it is forwarded", name)
		return
	}
	k.lose(d, "%s for %s; nearest: resolver, resolver.forward_zones", v.text, name)
}

// servfail tells what policy.DROP was.
func (k *knot) servfail() {
	k.tell("policy.DROP answered SERVFAIL; here it is REFUSED")
}

// forward converts the servers that names are forwarded to.
func (k *knot) forward(d *directive, v luaValue, name string) {
	z := zone{name: zoneName(name), forward: true, at: d, insecure: v.text == "policy.STUB",
		noCache: slices.Contains(k.unkept, strings.ToLower(zoneName(name)))}
	servers := v.arg(0)
	list := servers.list
	if servers.kind == 's' {
		list = []luaValue{servers}
	}
	if servers.kind == '{' && len(servers.named) > 0 { // one server with its name
		list = []luaValue{servers}
	}
	for _, s := range list {
		address := s.text
		if s.kind == '{' {
			address = s.arg(0).text
		}
		if ca := s.named["ca_file"]; ca.kind == 's' {
			z.ca = k.path(ca.text)
		}
		if pin, ok := s.named["pin_sha256"]; ok {
			k.lose(d, "%s is known by its key %s; nearest: tls_pins of %s", address,
				strings.Join(pin.texts(), " "), z.key())
			continue
		}
		k.server(&z, d, address, v.text == "policy.TLS_FORWARD", s.named["hostname"].text)
	}
	z.write(k.builder)
}

// viewRule converts what holds for a network of clients: whether they may ask.
func (k *knot) viewRule(d *directive, v luaValue) {
	n, err := netip.ParsePrefix(strings.NewReplacer("[", "", "]", "").Replace(v.arg(0).text))
	if a, e := network(v.arg(0).text); err != nil && e == nil {
		n, err = a, nil
	}
	rule := v.arg(1)
	action := rule.arg(0).text
	to := map[string]string{"policy.PASS": "allow", "policy.NO_ANSWER": "drop",
		"policy.REFUSE": "refuse", "policy.DROP": "refuse",
		"policy.DENY": "refuse", "policy.DENY_MSG": "refuse"}[action]
	if err != nil || rule.text != "policy.all" || to == "" || len(v.list) > 2 {
		k.lose(d, "what holds for some of the clients; nearest: views")
		return
	}
	if strings.HasPrefix(action, "policy.DENY") {
		k.lose(d, "they had NXDOMAIN for all names; here they are refused; nearest: policy.access")
	}
	if action == "policy.DROP" {
		k.servfail()
	}
	k.mayAsk(d, n.Masked(), to)
}
