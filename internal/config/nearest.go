// What was probably meant by a word that was typed.

package config

import "strings"

// suggest names the key that was probably meant.
func suggest(name string) string {
	var names []string
	for i := range keys {
		names = append(names, keys[i].key)
	}
	if meant := elsewhere[name[strings.LastIndexByte(name, '.')+1:]]; meant != "" {
		return didYouMean(meant)
	}
	if meant := Nearest(name, names); meant != "" {
		return didYouMean(meant)
	}
	return "; `bailiwick config schema` lists all keys"
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
