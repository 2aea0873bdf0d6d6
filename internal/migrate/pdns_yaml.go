// The recursor's settings in YAML.

package migrate

import "strings"

// pdnsNames are settings whose names in YAML are others than in recursor.conf, but for the
// underscores.
var pdnsNames = map[string]string{
	"incoming.listen": "local-address", "incoming.port": "local-port",
	"incoming.tcp_timeout":    "client-tcp-timeout",
	"outgoing.source_address": "query-local-address", "outgoing.lowercase": "lowercase-outgoing",
	"outgoing.edns_bufsize": "edns-outgoing-bufsize",
	"outgoing.edns_padding": "edns-padding-out",
	"dnssec.validation":     "dnssec", "dnssec.log_bogus": "dnssec-log-bogus",
	"dnssec.trustanchors":          "dnssec.trustanchors",
	"dnssec.negative_trustanchors": "dnssec.negative_trustanchors",
	"recordcache.max_entries":      "max-cache-entries", "recordcache.max_ttl": "max-cache-ttl",
	"recordcache.locked_ttl_perc": "record-cache-locked-ttl-perc",
	"recordcache.shards":          "record-cache-shards",
	"packetcache.ttl":             "packetcache-ttl", "packetcache.disable": "disable-packetcache",
	"packetcache.max_entries":  "max-packetcache-entries",
	"packetcache.servfail_ttl": "packetcache-servfail-ttl",
	"packetcache.negative_ttl": "packetcache-ttl", "packetcache.shards": "record-cache-shards",
}

// yaml reads the settings of a file.
func (r *recursor) yaml(path, text string) error {
	top, err := readYAML(path, text)
	if err != nil {
		return err
	}
	for _, section := range top.keys {
		s := top.fields[section]
		switch section {
		case "logging", "webservice", "carbon", "snmp", "nod", "ecs":
			r.put(&directive{"section " + section, nil, s.at}, false)
			continue
		}
		for _, key := range s.keys {
			name := pdnsNames[section+"."+key]
			if name == "" {
				name = strings.ReplaceAll(key, "_", "-")
			}
			r.put(&directive{name, pdnsTexts(name, s.fields[key]), s.fields[key].at}, false)
		}
	}
	return nil
}

// pdnsTexts writes a value as in recursor.conf.
func pdnsTexts(name string, n *node) (list []string) {
	if len(n.list) == 0 {
		return append(n.texts(), map[bool][]string{true: {""}}[n.text == ""]...)
	}
	for _, o := range n.list {
		zone := o.value(o.value("", "name"), "zone")
		switch {
		case o.fields == nil:
			list = append(list, o.text)
		case o.field("forwarders") != nil:
			list = append(list, zone+"="+strings.Join(o.field("forwarders").texts(), ";"))
		case o.field("file") != nil:
			list = append(list, zone+"="+o.value("", "file"))
		case name == "dnssec.trustanchors":
			for _, ds := range o.field("dsrecords").texts() {
				list = append(list, strings.TrimSuffix(zone, ".")+". DS "+ds)
			}
		default:
			list = append(list, zone)
		}
	}
	return list
}

// zonesFile reads a file of forward zones in YAML.
func (r *recursor) zonesFile(path, text string, d *directive) error {
	top, err := readYAML(path, text)
	if err != nil {
		return err
	}
	for _, o := range top.list {
		at := directive{d.name, []string{o.value("", "zone")}, o.at}
		r.forward(&at, pdnsTexts("", &node{list: []*node{o}})[0],
			o.value("false", "recurse") == "true")
	}
	return nil
}
