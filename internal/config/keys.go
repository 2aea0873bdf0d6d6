// The table of keys: a row declares a key's name, kind, default, range and help.

package config

import (
	"slices"
)

// kind is what values a key takes.
type kind uint8

const (
	kindString kind = iota
	kindBool
	kindInt
	kindDuration // 30s, 5m, 1h, 1d; a number alone is seconds
	kindSize     // 256MiB
	kindTime     // RFC 3339
	kindChoice
	kindList    // of strings
	kindRecords // of maps with the fields named
	kindPath    // of a file
	kindRules   // of networks with actions; or a map, see readAccess
)

// key is a row.
type key struct {
	key      string
	kind     kind
	choices  []string
	min, max int64 // of kindInt and kindSize, both 0: any; of kindDuration in seconds
	// those that end in [] take lists, in / paths; a record may be written as the value of its
	// first field alone
	fields []string
	secret bool // nobody sees its value but the owner of the file
	help   string
	binding
}

// keys is the table: a section of rows for each file of keys.
var keys = slices.Concat([]key{profileKey}, listenKeys(), xdpKeys, tlsKeys, acmeKeys,
	transportKeys, processKeys, confineKeys, resolverKeys, zoneKeys, validatorKeys, cacheKeys,
	serverKeys, policyKeys, dns64Keys, accessKeys, queryLogKeys, dnstapKeys, tracingKeys, fleetKeys,
	limitKeys, watchKeys, networkKeys, []key{viewsKey})

// Keys returns the names of all keys, in the order of the table.
func Keys() (names []string) {
	for i := range keys {
		names = append(names, keys[i].key)
	}
	return names
}
