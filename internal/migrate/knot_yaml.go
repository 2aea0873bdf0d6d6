// config.yaml of Knot Resolver 6.

package migrate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// knotNeedless are sections and options that need nothing here.
var knotNeedless = map[string]string{
	"rundir":                            "nearest: state.directory",
	"workers":                           "threads follow the processors",
	"max-workers":                       "threads follow the processors",
	"management":                        "nearest: control.socket, admin.listen",
	"monitoring":                        "metrics are at admin.listen",
	"logging":                           "nearest: log.level",
	"webmgmt":                           "nearest: admin.listen",
	"hostname":                          "nearest: server.identity",
	"version":                           "there is one form",
	"supervisor":                        "systemd watches it",
	"network.tcp-pipeline":              "limited by itself",
	"cache.storage":                     "nearest: cache.save_interval",
	"cache.garbage-collector":           "the cache is bounded",
	"cache.ns-timeout":                  "servers that fail are asked last",
	"cache.clear":                       "nearest: ctl flush",
	"defer":                             "nearest: limits.queries_per_prefix",
	"options.refuse-no-rd":              "it is so here too",
	"options.time-jump-detection":       "the cache has a clock of its own",
	"options.time-skew-detection":       "nearest: clock.earliest",
	"options.violators-workarounds":     "servers that fail are asked in other ways",
	"local-data.ttl":                    "nearest: local_records with a TTL",
	"local-data.nodata":                 "names that are here have no other records",
	"dnssec.sentinel":                   "it is always so",
	"dnssec.signal-query":               "nearest: trust_anchors.signal",
	"dnssec.log-bogus":                  "each failure has a cause: bailiwick ctl failures list",
	"dnssec.trust-anchors-keep-removed": "nearest: trust_anchors.follow",
	"dnssec.refresh-time":               "nearest: trust_anchors.follow",
	"dnssec.hold-down-time":             "nearest: trust_anchors.follow",
}

// knotTable are options with one value.
var knotTable = options{map[string]conversion{
	"cache.ttl-min":                            {"cache.min_ttl", formPeriod},
	"cache.ttl-max":                            {"cache.max_ttl", formPeriod},
	"cache.size-max":                           {"cache.memory", formSize},
	"options.query-case-randomization":         {"resolver.case_randomisation", formBool},
	"options.reorder-rrset":                    {"server.rotate_answers", formBool},
	"options.serve-stale":                      {"stale.enabled", formBool},
	"options.prediction":                       {"cache.prefetch", formBool},
	"options.priming":                          {"resolver.priming", formBool},
	"cache.prefetch.expiring":                  {"cache.prefetch", formBool},
	"cache.prediction":                         {"cache.prefetch", formBool},
	"network.out-interface-v4":                 {"resolver.source_addresses", formTexts},
	"network.out-interface-v6":                 {"resolver.source_addresses", formTexts},
	"local-data.addresses-files":               {"policy.hosts_files", formTexts},
	"local-data.root-fallback-addresses-files": {"resolver.root_hints_file", formPath},
	"dnssec.trust-anchors":                     {"trust_anchors.records", formTexts},
	"dnssec.negative-trust-anchors":            {"trust_anchors.insecure", formTexts},
}, knotNeedless, map[string]string{
	"lua":                         "Lua is not run; nearest: policy",
	"network.proxy-protocol":      "nearest: proxy_from of a listener",
	"network.address-renumbering": "nearest: policy.local_records",
	"options.glue-checking":       "nearest: resolver.harden_glue",
}, nil, nil}

// yaml converts a file.
func (k *knot) yaml(path, text string) error {
	top, err := readYAML(path, text)
	if err != nil {
		return err
	}
	k.each("", top)
	k.clientAccess(false)
	return nil
}

// each converts the fields of a section; those of a section within it have its name before theirs.
func (k *knot) each(section string, n *node) {
	for _, key := range n.keys {
		f := n.fields[key]
		name := strings.TrimPrefix(section+"."+key, ".")
		d := &directive{name, f.texts(), f.at}
		switch {
		case k.part(name, f, d):
		case f.fields != nil && knotNeedless[name] == "" && knotTable.lost[name] == "":
			k.each(name, f)
		case knotTable.known[name].form == formTexts && knotTable.known[name].key != "":
			for _, s := range f.texts() {
				if knotTable.known[name].key == "policy.hosts_files" {
					s = k.path(s)
				}
				k.add(knotTable.known[name].key, quote(s), d)
			}
		default:
			knotTable.convert(k.builder, d, k.path)
		}
	}
}

// part converts what is more than a value, and reports whether it is such.
func (k *knot) part(name string, f *node, d *directive) bool {
	on := f.text == "true" || f.text == "yes" || f.text == "on"
	switch name {
	case "network.listen":
		for _, l := range f.list {
			k.listener(l)
		}
	case "network.tls":
		k.add("tls.certificates", fmt.Sprintf("{certificate: %s, key: %s}",
			quote(k.path(f.value("", "cert-file"))), quote(k.path(f.value("", "key-file")))), d)
	case "network.do-ipv4", "network.do-ipv6":
		if !on {
			k.set("resolver.ipv"+name[len(name)-1:], quote("false"), d)
		}
	case "network.edns-buffer-size.upstream", "network.edns-buffer-size.downstream":
		n, err := size(f.text)
		key := map[bool]string{true: "resolver.udp_size", false: "server.max_udp_size"}[strings.
			HasSuffix(name, "upstream")]
		if err != nil {
			k.lose(d, "%v; nearest: %s", err, key)
		} else {
			k.set(key, fmt.Sprint(n), d)
		}
	case "views":
		for _, v := range f.list {
			k.view(v)
		}
	case "forward":
		for _, o := range f.list {
			k.slice(o)
		}
	case "local-data.addresses":
		for _, host := range f.keys {
			at := directive{host, f.fields[host].texts(), f.fields[host].at}
			for _, a := range at.args {
				k.host(&at, host, a)
			}
		}
	case "local-data.records":
		for line := range strings.SplitSeq(f.text, "\n") {
			if line = strings.TrimSpace(line); line != "" {
				k.add("policy.local_records", quote(line), d)
			}
		}
	case "local-data.rules":
		for _, o := range f.list {
			k.dataRule(o)
		}
	case "local-data.rpz":
		for _, o := range f.list {
			at := directive{"rpz", []string{o.value("", "file")}, o.at}
			if o.field("tags") != nil {
				k.lose(&at, "tags are views here; nearest: policy.rpz, views")
				continue
			}
			k.policyFile(&at, o.value("", "file"))
		}
	case "dnssec", "dnssec.enable":
		if f.fields != nil {
			return false
		}
		k.anchors = on
	case "dnssec.trust-anchors-files":
		for _, o := range f.list {
			k.set("trust_anchors.file", quote(k.path(o.value("", "file"))), d)
			k.set("trust_anchors.builtin", "false", d)
		}
	case "dns64", "dns64.enable":
		switch {
		case f.fields != nil:
			k.prefix64(d, f.value("64:ff9b::/96", "prefix"))
			for _, p := range f.field("exclude-subnets").texts() {
				k.add("policy.dns64.exclude_aaaa", quote(p), d)
			}
		case on:
			k.prefix64(d, "64:ff9b::/96")
		}
	case "options.minimize":
		k.set("resolver.qname_minimisation", quote(map[bool]string{true: "relaxed",
			false: "off"}[on]), d)
	case "options.query-loopback":
		k.set("resolver.do_not_query_localhost", fmt.Sprint(!on), d)
	case "options.rebinding-protection":
		if on {
			k.rebinding(d)
		}
	case "options.glue-checking":
		if f.text == "permissive" {
			return false
		}
	case "cache.prefill":
		k.set("zones.local_root", "true", d)
	case "nsid":
		k.set("server.nsid", quote("ascii_"+f.text), d)
	default:
		return false
	}
	return true
}

// listener converts an entry of network.listen.
func (k *knot) listener(l *node) {
	d := &directive{"listen", l.field("interface").texts(), l.at}
	kind := l.value("dns", "kind")
	port := l.value(map[string]string{"dot": "853", "doh2": "443"}[kind], "port")
	if l.field("unix-socket") != nil {
		k.listening = true
		k.lose(d, "a socket in the file system; nearest: listen.tcp")
	}
	for _, a := range d.args {
		k.listen(d, a, cmp.Or(port, "53"), kind)
	}
}

// view converts an entry of views: whether clients may ask.
func (k *knot) view(v *node) {
	d := &directive{"views", v.field("subnets").texts(), v.at}
	answer := v.value("", "answer")
	to := map[string]string{"allow": "allow", "refused": "refuse", "noanswer": "drop"}[answer]
	for _, key := range v.keys {
		if !slices.Contains([]string{"subnets", "answer"}, key) {
			k.lose(d, "%s; nearest: views", key)
			to = cmp.Or(to, "allow")
		}
	}
	for _, s := range d.args {
		n, err := network(s)
		if err != nil || to == "" {
			k.lose(d, "%s cannot be read; nearest: views", cmp.Or(answer, s))
			continue
		}
		k.mayAsk(d, n, to)
	}
}

// slice converts an entry of forward.
func (k *knot) slice(o *node) {
	for _, name := range o.field("subtree").texts() {
		d := &directive{"forward", []string{name}, o.at}
		z := zone{name: zoneName(name), at: d,
			forward:  o.value("false", "options", "authoritative") != "true",
			insecure: o.value("true", "options", "dnssec") == "false"}
		for _, s := range o.field("servers").listed() {
			addresses := []string{s.text}
			if s.fields != nil {
				addresses = s.field("address").texts()
			}
			if ca := s.value("", "ca-file"); ca != "" {
				z.ca = k.path(ca)
			}
			if pin := s.field("pin-sha256"); pin != nil {
				k.lose(d, "%s: known by its key; nearest: tls_pins of %s",
					strings.Join(addresses, " "), z.key())
				continue
			}
			for _, a := range addresses {
				k.server(&z, d, a, s.value("", "transport") == "tls", s.value("", "hostname"))
			}
		}
		z.write(k.builder)
	}
}

// listed are the entries of a list, or the one value.
func (n *node) listed() []*node {
	if n == nil {
		return nil
	}
	if n.list == nil {
		return []*node{n}
	}
	return n.list
}

// dataRule converts an entry of local-data.rules.
func (k *knot) dataRule(o *node) {
	d := &directive{"rules", o.field("name").texts(), o.at}
	typ := map[string]string{"nxdomain": "nxdomain", "empty": "static",
		"redirect": "redirect"}[o.value("", "subtree")]
	for _, key := range o.keys {
		if !slices.Contains([]string{"name", "subtree", "address", "ttl", "nodata"}, key) {
			k.lose(d, "%s; nearest: policy.local_zones, policy.local_records, views", key)
			return
		}
	}
	for _, name := range d.args {
		if typ != "" {
			k.block(d, name, typ)
		}
		for _, a := range o.field("address").texts() {
			k.host(d, name, a)
		}
	}
}
