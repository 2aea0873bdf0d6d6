// Views: other policies for some of the clients.

package config

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"bailiwick/internal/policy"
	"bailiwick/wire"
)

// View is another policy for some of the clients. What it does not give is as for all others.
type View struct {
	Key, Name string
	Clients   []netip.Prefix   // none: all clients of the listeners
	Listeners []netip.AddrPort // none: all; port 0: any
	TSIG      []string         // names of keys, with the final dot

	data     LocalData
	private  policy.PrivateAddresses
	special  bool
	ordinary []wire.Name
	limits   []string // each a name and a value
	own      Resolving
	networks bool
	dns64    record
	queryLog []string // the same
	given    map[string]bool
}

var viewFields = []string{"name", "clients[]", "listeners[]", "tsig_keys[]", "local_records[]",
	"local_zones[]", "hosts_files[]", "block_lists[]", "private_addresses[]", "private_domains[]",
	"special_names", "ordinary_names[]", "limits[]", "query_log[]", "forward_zones[]",
	"stub_zones[]", "insecure[]", "validator_zones[]", "validation", "dns64", "ecs"}

// viewsKey is the row of views.
var viewsKey = key{key: "views", kind: kindRecords, fields: viewFields,
	help: "other policies for some of the clients: each has a name, the networks of its " +
		"clients, the listeners (addresses of listen) that it is for, or both, and names of " +
		"zones.tsig_keys that clients may sign with in place of being in such a network; and " +
		"what it has in place of the keys with these names, of policy, limits, query_log, " +
		"resolver (forward_zones, stub_zones), validator (validation; zones as " +
		"validator_zones) and trust_anchors (insecure); with ecs: false nothing is sent of " +
		"its clients' networks (resolver.ecs)",
	binding: binding{set: setViews}}

func setViews(c *Config, v value) error {
	c.Views = nil
	return v.each(func(i int, r record) error {
		if i == MaxViews {
			return fmt.Errorf("there may be %d views at most", MaxViews)
		}
		w, err := c.view(Item("views", i), r)
		if err != nil {
			return err
		}
		if j := slices.IndexFunc(c.Views, func(o View) bool { return o.Name == w.Name }); j >= 0 {
			return inField("name", fmt.Errorf("view %q is given twice, here and as %s", w.Name,
				c.Views[j].Key))
		}
		c.Views = append(c.Views, w)
		return nil
	})
}

// view reads a view.
func (c *Config) view(key string, r record) (v View, err error) {
	v = View{Key: key, Name: r.text("name"), given: map[string]bool{}}
	var errs []error
	note := func(field string, err error) { errs = append(errs, inField(field, err)) }
	for field := range r {
		v.given[field] = true
	}
	if !isViewName(v.Name) {
		note("name", fmt.Errorf("%q is not a name of a view: letters, digits, - and _", v.Name))
	}
	v.Clients, err = prefixes(r["clients"])
	note("clients", err)
	v.Listeners, err = listenerAddresses(r["listeners"])
	note("listeners", err)
	v.TSIG, err = keyNames(r["tsig_keys"])
	note("tsig_keys", err)
	if len(r["clients"])+len(r["listeners"])+len(r["tsig_keys"]) == 0 {
		errs = append(errs, errors.New(
			"a view needs clients, listeners or tsig_keys: who it is for"))
	}
	v.data, err = c.viewData(key, r)
	errs = append(errs, err)
	v.private.Networks, err = prefixes(r["private_addresses"])
	note("private_addresses", err)
	v.private.Domains, err = domainNames(r["private_domains"])
	note("private_domains", err)
	v.special, err = truth(r, "special_names")
	note("special_names", err)
	v.ordinary, err = specialNames(r["ordinary_names"])
	note("ordinary_names", err)
	v.networks, err = truth(r, "ecs")
	note("ecs", err)
	v.limits = r["limits"]
	note("limits", v.setLimits(new(policy.Limits)))
	v.queryLog = r["query_log"]
	_, err = c.logOf(&v)
	note("query_log", err)
	errs = append(errs, v.readResolving(c, r))
	return v, errors.Join(errs...)
}

// keyNames reads names of keys.
func keyNames(list []string) ([]string, error) {
	return eachItem(list, func(s string) (string, error) {
		n, err := wire.ParseName(s)
		if err != nil {
			return "", fmt.Errorf("%q is not a name of a key: %w", s, err)
		}
		return n.String(), nil
	})
}

// Gives reports whether the view has something of its own in place of what all others have.
func (v *View) Gives(field string) bool { return v.given[field] }

// isViewName reports whether a text can be the name of a view.
func isViewName(s string) bool {
	return s != "" && s != "default" && len(s) < 64 && strings.Trim(s,
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == ""
}

// listenerAddresses reads addresses of listeners, with or without a port.
func listenerAddresses(list []string) ([]netip.AddrPort, error) {
	return eachItem(list, func(s string) (netip.AddrPort, error) { return address(s, 0) })
}

// viewData reads the local data of a view.
func (c *Config) viewData(key string, r record) (d LocalData, err error) {
	var errs []error
	note := func(field string, err error) { errs = append(errs, inField(field, err)) }
	d.LocalRecords, d.RecordsKey = r["local_records"], key+".local_records"
	d.LocalZones, err = localZones(key+".local_zones", value{records: parted(r["local_zones"],
		"name", "type")})
	note("local_zones", err)
	hosts := value{}
	for _, path := range r["hosts_files"] {
		hosts.records = append(hosts.records, record{"file": {c.path(path)}})
	}
	d.HostsFiles, err = hostsFiles(key+".hosts_files", hosts)
	note("hosts_files", err)
	lists := value{records: parted(r["block_lists"], "file", "action")}
	for i, l := range lists.records {
		if text := r["block_lists"][i]; isWeb(text) {
			lists.records[i] = webList(text)
		} else {
			l["file"] = []string{c.path(l.text("file"))}
		}
	}
	d.BlockLists, err = blockLists(key+".block_lists", lists)
	note("block_lists", err)
	return d, errors.Join(errs...)
}

// parted makes records of texts of two fields, the second of which is the last word of several.
func parted(list []string, first, second string) (out []record) {
	for _, s := range list {
		s = strings.TrimRight(s, " \t") // a first field that is not given leaves its space
		r := record{first: {s}}
		if i := strings.LastIndexAny(s, " \t"); i >= 0 {
			r = record{first: {strings.TrimSpace(s[:i])}, second: {s[i+1:]}}
		}
		out = append(out, r)
	}
	return out
}

// webList makes a record of a text with a URL, what is done, and how often it is fetched.
func webList(text string) record {
	r := record{}
	for i, field := range []string{"url", "action", "refresh"} {
		if words := strings.Fields(text); i < len(words) {
			r[field] = []string{words[i]}
		}
	}
	return r
}

// setLimits sets the limits that the view gives.
func (v *View) setLimits(l *policy.Limits) error {
	c := &Config{}
	c.Policy.Limits = *l
	var errs []error
	for _, s := range v.limits {
		name, text, _ := strings.Cut(s, " ")
		k := limitKey(name)
		if k == nil {
			errs = append(errs, fmt.Errorf("a view has no limit %q; limits lists them", name))
			continue
		}
		given := value{text: text}
		if err := k.convert(&given); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
			continue
		}
		errs = append(errs, k.set(c, given))
	}
	*l = c.Policy.Limits
	return errors.Join(errs...)
}

// limitKey returns the row of a limit that a view can have of its own, nil if there is none.
func limitKey(name string) *key {
	for i := range limitKeys {
		if k := &limitKeys[i]; k.key == "limits."+name && k.kind != kindList {
			return k
		}
	}
	return nil
}

// ViewPolicy is the whole policy of a view.
type ViewPolicy struct {
	Name    string // "" for that of all other clients
	Data    LocalData
	Private policy.PrivateAddresses
	Special policy.SpecialNames
	Limits  policy.Limits
	DNS64   policy.DNS64Config
	// SendsNetworks reports whether clients' networks are sent to the zones that are configured.
	SendsNetworks bool
	Resolving
}

// Policies returns the policy of all clients without a view, and then that of each view: what it
// gives, and the rest as for all others.
func (c *Config) Policies() []ViewPolicy {
	rest := ViewPolicy{Data: c.LocalData, Private: c.Policy.Private, Limits: c.Policy.Limits,
		Special: policy.SpecialNames{Answered: c.Server.Special, Server: c.Server.SpecialServer,
			Ordinary: c.Server.Ordinary},
		DNS64: c.Policy.DNS64, SendsNetworks: true, Resolving: Resolving{c.Zones,
			c.Anchors.Insecure, c.Anchors.Zones, c.Anchors.Validate}}
	rest.Data.RecordsKey = "policy.local_records"
	all := []ViewPolicy{rest}
	for i := range c.Views {
		all = append(all, c.Views[i].over(rest))
	}
	return all
}

// over returns a policy with what the view gives in its place.
func (v *View) over(p ViewPolicy) ViewPolicy {
	p.Name = v.Name
	if v.given["local_records"] {
		p.Data.LocalRecords, p.Data.RecordsKey = v.data.LocalRecords, v.data.RecordsKey
	}
	if v.given["local_zones"] {
		p.Data.LocalZones = v.data.LocalZones
	}
	if v.given["hosts_files"] {
		p.Data.HostsFiles = v.data.HostsFiles
	}
	if v.given["block_lists"] {
		p.Data.BlockLists = v.data.BlockLists
	}
	if v.given["private_addresses"] {
		p.Private.Networks = v.private.Networks
	}
	if v.given["private_domains"] {
		p.Private.Domains = v.private.Domains
	}
	if v.given["special_names"] {
		p.Special.Answered = v.special
	}
	if v.given["ordinary_names"] {
		p.Special.Ordinary = v.ordinary
	}
	if v.given["ecs"] {
		p.SendsNetworks = v.networks
	}
	_ = v.setLimits(&p.Limits) // they could be set when they were read
	_ = v.setDNS64(&p.DNS64)   // the same
	p.Resolving = v.resolving(p.Resolving)
	return p
}

// At reports whether the view is for a listener, and whether it names it.
func (v *View) At(l netip.AddrPort) (is, named bool) {
	for _, a := range v.Listeners {
		if a.Addr() == l.Addr() && (a.Port() == 0 || a.Port() == l.Port()) {
			return true, true
		}
	}
	return len(v.Listeners) == 0, false
}

// byKey reports whether the view is for clients that sign alone, whatever their address.
func (v *View) byKey() bool { return len(v.TSIG) > 0 && len(v.Clients) == 0 }

// ViewsAt returns which views the clients of a listener have: that of all of them, -1 for none, and
// those of networks, in an order in which the later decides. A view that names the listener comes
// before one that is for all.
func (c *Config) ViewsAt(l netip.AddrPort) (all int, networks []int) {
	all = -1
	for _, wanted := range []bool{false, true} {
		for i := range c.Views {
			v := &c.Views[i]
			switch is, named := v.At(l); {
			case !is || named != wanted:
			case v.byKey():
			case len(v.Clients) == 0:
				all = i
			default:
				networks = append(networks, i)
			}
		}
	}
	return all, networks
}

// viewContradictions finds views that are for the same clients, and listeners that do not exist.
func (c *Config) viewContradictions(all []bound, say reporter) {
	for i := range c.Views {
		v := &c.Views[i]
		for j, a := range v.Listeners {
			if !slices.ContainsFunc(all, func(l bound) bool {
				is, named := (&View{Listeners: []netip.AddrPort{a}}).At(l.Addr)
				return is && named
			}) {
				say(Item(v.Key+".listeners", j), "view %s: nothing listens at %s", v.Name,
					withoutNoPort(a))
			}
		}
		for j, key := range v.TSIG {
			at := Item(v.Key+".tsig_keys", j)
			if !slices.ContainsFunc(c.TSIGKeys, func(k TSIGKey) bool { return k.Name == key }) {
				say(at, "view %s: zones.tsig_keys has no key %s", v.Name, key)
			}
			for _, o := range c.Views[:i] {
				if slices.Contains(o.TSIG, key) {
					say(at, "views %s and %s are both for key %s", o.Name, v.Name, key)
				}
			}
		}
		for _, o := range c.Views[:i] {
			if net, same := v.meets(&o, all); same {
				say(v.Key, "views %s and %s are both for %s", o.Name, v.Name, net)
			}
		}
	}
}

// withoutNoPort writes an address with its port, if it has one.
func withoutNoPort(a netip.AddrPort) string {
	if a.Port() == 0 {
		return a.Addr().String()
	}
	return a.String()
}

// meets reports whether two views are for the same clients, and which.
func (v *View) meets(o *View, all []bound) (who string, same bool) {
	for _, l := range all {
		is, named := v.At(l.Addr)
		other, also := o.At(l.Addr)
		if !is || !other || named != also {
			continue
		}
		if v.byKey() || o.byKey() {
			continue
		}
		if len(v.Clients)+len(o.Clients) == 0 {
			return "all clients of " + l.Key, true
		}
		for _, n := range v.Clients {
			if slices.Contains(o.Clients, n) {
				return n.String(), true
			}
		}
	}
	return "", false
}
