// Unbound's unbound.conf.

package migrate

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"bailiwick/internal/pattern"
)

// unboundDiffers is what is on by default here and off there, or the reverse.
var unboundDiffers = []string{
	"id.server, version.bind and the like are refused: server.identity, server.version",
	"ANY over UDP is answered with one RRset (RFC 8482): server.any: full",
	"answers say why (EDE), and cookies are answered: server.ede, server.cookies",
	"special-use names as home.arpa, .local, .internal are answered here: policy.special_names, " +
		"policy.ordinary_names",
}

var unboundSection = pattern.New(`(?m)^\s*(server|forward-zone|stub-zone|remote-control|` +
	`auth-zone|view|rpz|include-toplevel)\s*:(?:\s|$)`)

// unboundOption are options that no file of another program has, whose sections have the names of
// clauses and options too.
var unboundOption = pattern.New(`(?m)^\s*(?:module-config|access-control|do-ip4|do-udp|` +
	`harden-glue|forward-addr|verbosity|auto-trust-anchor-file|private-address|num-threads|` +
	`local-zone|interface-automatic|use-caps-for-id)\s*:`)

func isUnbound(text string) bool { return unboundSection.In(text) }

// unboundSections are the words that begin a clause.
var unboundSections = []string{"server", "forward-zone", "stub-zone", "remote-control",
	"auth-zone", "view", "rpz", "python", "dynlib", "dnscrypt", "cachedb", "ipset", "dnstap"}

// clause is a clause with its options.
type clause struct {
	directive
	options []*directive
}

// all returns the options with a name.
func (c *clause) all(name string) (list []*directive) {
	for _, d := range c.options {
		if d.name == name {
			list = append(list, d)
		}
	}
	return list
}

// last returns the option that holds of those with a name, nil if there is none.
func (c *clause) last(name string) *directive {
	if all := c.all(name); len(all) > 0 {
		return all[len(all)-1]
	}
	return nil
}

// text returns an option's value.
func (c *clause) text(name, otherwise string) string {
	if d := c.last(name); d != nil {
		return d.arg(0)
	}
	return otherwise
}

// yes reports whether an option is on.
func (c *clause) yes(name string) bool { return c.text(name, "no") == "yes" }

// unbound is a conversion.
type unbound struct {
	*builder
	files
	clauses []*clause
	server  clause // all clauses server together
}

func convertUnbound(path string, b *builder) error {
	u := &unbound{builder: b}
	if err := u.read(path, u.parse); err != nil {
		return err
	}
	for _, c := range u.clauses {
		if c.name == "server" {
			u.server.options = append(u.server.options, c.options...)
		}
	}
	u.folder = filepath.Dir(path)
	if d := u.server.last("directory"); d != nil && filepath.IsAbs(d.arg(0)) {
		u.folder = d.arg(0)
	}
	u.listeners()
	u.access()
	u.anchors()
	u.cache()
	u.each()
	u.localData(&u.server)
	u.views()
	for _, c := range u.clauses {
		switch c.name {
		case "server", "view":
		case "forward-zone", "stub-zone":
			u.zone(c)
		case "auth-zone":
			u.held(c)
		case "rpz":
			u.rpz(c)
		case "remote-control":
			u.leave(&c.directive, "the control socket is there by itself; nearest: control.socket")
		default:
			u.lose(&c.directive, "not now, because this module has no counterpart here")
		}
	}
	return nil
}

// parse reads the clauses of a file.
func (u *unbound) parse(path, text string) error {
	for i, line := range strings.Split(text, "\n") {
		list, at := words(line), place{path, i + 1}
		for len(list) > 0 {
			name, rest, ok := strings.Cut(list[0], ":")
			if !ok {
				return fmt.Errorf("%s: %q is not an option with a colon", at, oneLine(list[0]))
			}
			if list = list[1:]; rest != "" {
				list = append([]string{rest}, list...)
			}
			if slices.Contains(unboundSections, name) {
				u.clauses = append(u.clauses, &clause{directive: directive{name: name, at: at}})
				continue
			}
			d := &directive{name, list, at}
			if err := u.option(d); err != nil {
				return err
			}
			break
		}
	}
	return nil
}

// option takes an option of the clause that is open.
func (u *unbound) option(d *directive) error {
	if d.name == "include" || d.name == "include-toplevel" {
		names, err := matching(d.arg(0), d.at.file)
		if err != nil {
			return fmt.Errorf("%s: %w", d.at, err)
		}
		for _, name := range names {
			if err := u.read(name, u.parse); err != nil {
				return fmt.Errorf("%s: %w", d.at, err)
			}
		}
		return nil
	}
	if len(u.clauses) == 0 {
		return fmt.Errorf("%s: %s stands in no clause", d.at, oneLine(d.name))
	}
	c := u.clauses[len(u.clauses)-1]
	c.options = append(c.options, d)
	return nil
}

// listeners converts where it listens. Without an interface it is loopback alone.
func (u *unbound) listeners() {
	list := append(u.server.all("interface"), u.server.all("ip-address")...)
	if len(list) == 0 {
		list = []*directive{defaultOf("interface", "127.0.0.1"), defaultOf("interface", "::1")}
	}
	for option, key := range map[string]string{"do-ip4": "resolver.ipv4",
		"do-ip6": "resolver.ipv6"} {
		if d := u.server.last(option); d != nil && d.arg(0) == "no" {
			u.set(key, quote("false"), d)
		}
	}
	port := u.server.text("port", "53")
	for _, d := range list {
		address, at, _ := strings.Cut(d.arg(0), "@")
		a, err := netip.ParseAddr(address)
		if err != nil {
			u.lose(d, "an interface is named by its addresses here; nearest: listen.udp, "+
				"listen.tcp")
			continue
		}
		if at == "" {
			at = port
		}
		if a.Is4() && u.server.text("do-ip4", "yes") == "no" ||
			a.Is6() && u.server.text("do-ip6", "yes") == "no" {
			u.leave(d, "its family was off: do-ip4, do-ip6")
			continue
		}
		text := quote(joined(a, at))
		switch at {
		case u.server.text("tls-port", "853"):
			u.add("listen.dot", text, d)
		case u.server.text("https-port", "443"):
			u.add("listen.doh", text, d)
		case u.server.text("quic-port", "853"):
			u.add("listen.doq", text, d)
		default:
			if u.server.text("do-udp", "yes") != "no" {
				u.add("listen.udp", text, d)
			}
			if u.server.text("do-tcp", "yes") != "no" {
				u.add("listen.tcp", text, d)
			}
		}
	}
	u.closeOthers("no such interface")
	if pem, key := u.server.last("tls-service-pem"), u.server.last("tls-service-key"); pem != nil &&
		key != nil {
		u.add("tls.certificates", fmt.Sprintf("{certificate: %s, key: %s}",
			quote(u.path(pem.arg(0))), quote(u.path(key.arg(0)))), pem)
	}
}

// joined writes an address and a port that may be none: the reader finds that.
func joined(a netip.Addr, port string) string {
	if a.Is6() {
		return "[" + a.String() + "]:" + port
	}
	return a.String() + ":" + port
}

// unboundAccess are the actions of access-control; those of "" are not carried over.
var unboundAccess = map[string]string{"allow": "allow", "allow_snoop": "snoop", "deny": "drop",
	"refuse": "refuse"}

// access converts who may ask. The last entry of a network holds (Unbound 1.17 keeps its list in
// reverse), and this machine may ask unless an entry says otherwise; all others are refused.
func (u *unbound) access() {
	seen := map[netip.Prefix]bool{}
	rule := func(d *directive, text, action string) {
		n, err := network(text)
		if err != nil {
			u.lose(d, "%v; nearest: policy.access", err)
			return
		}
		if seen[n] {
			return // a later line holds in its place
		}
		seen[n] = true
		to := unboundAccess[action]
		if to == "" {
			to = map[string]string{"allow_setrd": "allow", "deny_non_local": "drop"}[action]
			if to == "" {
				to = "refuse" // whoever might have asked under a condition may not without it
			}
			u.lose(d, "%s has no counterpart: it is %s here; nearest: policy.access", action, to)
		}
		u.add(accessKey, quote(n.String()+" "+to), d)
	}
	for _, d := range slices.Backward(u.server.all("access-control")) {
		rule(d, d.arg(0), d.arg(1))
	}
	slices.Reverse(u.values[accessKey])
	for _, text := range []string{"127.0.0.0/8", "::1/128"} {
		rule(defaultOf("access-control", text, "allow"), text, "allow")
	}
}

// anchorLine is a line of a file of trust anchors, with its owner.
var anchorLine = pattern.New(`(?m)^\s*([^;\s]+)\s+(?:\d+\s+)?(?:IN\s+)?(?:DS|DNSKEY)\s`)

// anchors converts trust anchors. Unbound has none by itself, and then does not validate.
func (u *unbound) anchors() {
	any, root := false, false
	for _, d := range u.server.all("trust-anchor") {
		u.add("trust_anchors.records", quote(d.arg(0)), d)
		any, root = true, root || strings.HasPrefix(strings.TrimSpace(d.arg(0)), ".")
		if root {
			u.set("trust_anchors.builtin", "false", d)
		}
	}
	file := false
	for _, d := range u.options("trust-anchor-file", "auto-trust-anchor-file") {
		any = true
		text, err := readFile(u.path(d.arg(0)), maxTotal)
		owners := anchorLine.Get().FindAllStringSubmatch(text, -1)
		other := slices.ContainsFunc(owners, func(m []string) bool { return m[1] != "." })
		switch {
		case d.name == "auto-trust-anchor-file" && (len(owners) > 0 && !other ||
			os.IsNotExist(err) && filepath.Base(d.arg(0)) == "root.key"):
			u.leave(d, "the root's keys are built in, and followed as they roll (RFC 5011): "+
				"trust_anchors.builtin, trust_anchors.follow, state.directory")
		case file || err != nil:
			u.lose(d, "there is one file of anchors here, which has to be there; nearest: "+
				"trust_anchors.file, trust_anchors.records")
		default:
			file = true
			u.set("trust_anchors.file", quote(u.path(d.arg(0))), d)
			if !root && len(owners) > 0 && owners[0][1] == "." {
				u.set("trust_anchors.builtin", "false", d)
			}
		}
	}
	for _, d := range u.server.all("trusted-keys-file") {
		any = true
		u.lose(d, "it has BIND's form, and not that of a zone file; nearest: trust_anchors.file")
	}
	modules := u.server.last("module-config")
	switch {
	case modules != nil && !strings.Contains(" "+strings.Join(modules.args, " ")+" ", "validator"):
		u.set("validator.validation", "false", modules)
	case !any:
		u.tell("Unbound had no trust anchor and did not validate; here the root's keys are built " +
			"in: validator.validation: false for the former")
	}
	for _, d := range u.server.all("domain-insecure") {
		u.add("trust_anchors.insecure", quote(d.arg(0)), d)
	}
}

// options returns those with these names.
func (u *unbound) options(names ...string) (list []*directive) {
	for _, d := range u.server.options {
		if slices.Contains(names, d.name) {
			list = append(list, d)
		}
	}
	return list
}

// cache adds up the sizes of caches, which are one here.
func (u *unbound) cache() {
	total, last := int64(0), (*directive)(nil)
	for _, name := range []string{"msg-cache-size", "rrset-cache-size"} {
		d := u.server.last(name)
		n := int64(4 << 20) // by default
		if d != nil {
			last = d
			var err error
			if n, err = size(d.arg(0)); err != nil {
				u.leave(d, "%v; nearest: cache.memory", err)
				return
			}
		}
		total += n
	}
	if last != nil {
		u.set("cache.memory", quote(fmt.Sprintf("%dMiB", max(1, total>>20))), last)
	}
}
