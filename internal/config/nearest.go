// What was probably meant by a word that was typed.

package config

import "strings"

// suggest names the key that was probably meant.
func suggest(name string) string {
	names := Keys()
	meant := longer(name, names)
	if meant == "" {
		meant = called(name)
	}
	if meant == "" {
		meant = joined(name, names)
	}
	if meant == "" {
		meant = Nearest(name, names)
	}
	if meant == "" {
		return "; `bailiwick config schema` lists all keys"
	}
	return didYouMean(meant)
}

// longer returns the shortest key of a key's section whose last word contains that of the key.
func longer(name string, among []string) (meant string) {
	at := strings.LastIndexByte(name, '.') + 1
	for _, k := range among {
		word, here := strings.CutPrefix(k, name[:at])
		if here && !strings.Contains(word, ".") && strings.Contains(word, name[at:]) &&
			len(name[at:]) > 2 && (meant == "" || len(k) < len(meant)) {
			meant = k
		}
	}
	return meant
}

// joined returns the key whose section and name were written as one word, such as state_directory,
// in whatever section.
func joined(name string, among []string) string {
	word := strings.ReplaceAll(name[strings.LastIndexByte(name, '.')+1:], "-", "_")
	for _, k := range among {
		if strings.Contains(k, ".") && strings.ReplaceAll(k, ".", "_") == word {
			return k
		}
	}
	return ""
}

// called returns the key for what others call so. In a section of one thing, such as admin, their
// words mean that thing's own: they lead out of the sections alone that people put all in.
func called(name string) string {
	at := strings.LastIndexByte(name, '.') + 1
	meant := elsewhere[name[at:]]
	switch name[:at] {
	case "", "server.", "resolver.":
		return meant
	}
	if strings.HasPrefix(meant, "listen.") && lookUp(name[:at]+"listen") != nil {
		return name[:at] + "listen"
	}
	if !strings.HasPrefix(meant, name[:at]) {
		return ""
	}
	return meant
}

// elsewhere are the keys for what other programs, or people, call so.
var elsewhere = map[string]string{
	"access-control": "policy.access", "access_control": "policy.access", "acl": "policy.access",
	"allow-from": "policy.access", "allow-query": "policy.access",
	"allow-recursion": "policy.access", "allow_from": "policy.access",
	"bind": "listen.udp and listen.tcp", "interface": "listen.udp and listen.tcp",
	"listen-on": "listen.udp and listen.tcp", "local-address": "listen.udp and listen.tcp",
	"cache-size": "cache.memory", "cache_size": "cache.memory", "max-cache-size": "cache.memory",
	"msg-cache-size": "cache.memory", "rrset-cache-size": "cache.memory",
	"forward": "resolver.forward_zones", "forward-addr": "resolver.forward_zones",
	"forward-zone": "resolver.forward_zones", "forward-zones": "resolver.forward_zones",
	"forward_zones": "resolver.forward_zones", "forwarders": "resolver.forward_zones",
	"nameservers": "resolver.forward_zones", "upstream": "resolver.forward_zones",
	"upstreams": "resolver.forward_zones", "upstream_servers": "resolver.forward_zones",
	"stub-zone": "resolver.stub_zones", "stub_zones": "resolver.stub_zones",
	"dnssec": "validator.validation", "dnssec-validation": "validator.validation",
	"local-data": "policy.local_records", "local_data": "policy.local_records",
	"local-zone": "policy.local_zones", "local_zone": "policy.local_zones",
	"hosts": "policy.local_records", "logging": "log.level",
	"verbosity": "log.level", "loglevel": "log.level", "log_level": "log.level",
}

// Nearest is the word that was probably meant by one that was typed; "" if none is like it.
func Nearest(typed string, among []string) string {
	best, dist := "", len(typed)/3+2
	for _, word := range among {
		if d := distance(typed, word); d < dist && d < len(word) {
			best, dist = word, d
		}
	}
	return best
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		prev := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := prev
			if a[i] != b[j] {
				cost++
			}
			prev, row[j+1] = row[j+1], min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
