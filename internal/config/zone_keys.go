// The keys of zones that are held here.

package config

// zoneKeys are the rows of held zones.
var zoneKeys = []key{
	{key: "zones.local_root", kind: kindBool,
		help: "keep a copy of the root zone and ask it in place of the root's servers (RFC " +
			"8806); it is transferred from those that give it away, or from ICANN's web server, " +
			"and has to have the right digest (RFC 8976)",
		binding: bind(func(c *Config) *bool { return &c.LocalRoot })},
	{key: "zones.held", kind: kindRecords, fields: heldFields,
		help: "zones that a copy is kept of, which is asked in place of their servers; sources " +
			"in this order: primaries (addresses or names, with @ before a port), url (https), " +
			"file; tsig names a key of zones.tsig_keys; tls_name, with tls_ca (PEM file, read " +
			"again when it changes) for certificates of your own, transfers over TLS (RFC " +
			"9103); zonemd is if_present, required or off (RFC 8976); notify_from are " +
			"networks that may send NOTIFY beside the primaries; " +
			"fallback: false is for private zones: without a usable copy their names fail, and " +
			"nobody is asked",
		binding: binding{set: setHeld}},
	{key: "zones.catalogs", kind: kindRecords, fields: catalogFields,
		help: "catalog zones (RFC 9432), from sources as those of zones.held: their members are " +
			"transferred from the same primaries, or from member_primaries, and used as use " +
			"says: copies (for iteration, with fallback), policy (response policy zones, with " +
			"action and the other fields of policy.rpz) or nothing; a member has to be at or " +
			"below a name of within",
		binding: binding{set: setCatalogs}},
	{key: "zones.catalog_groups", kind: kindRecords, fields: groupFields,
		help: "what is done with the members of a catalog that are in a group, in place of what " +
			"the catalog says; the first one that fits decides",
		binding: binding{set: setCatalogGroups}},
	{key: "zones.tsig_keys", kind: kindRecords,
		fields: []string{"name", "algorithm", "secret", "secret_file/"},
		help: "keys that transfers are signed with (RFC 8945); algorithm is hmac-sha256 without " +
			"another; the secret, or a file that has it in a line of its own, in base64",
		binding: binding{set: setTSIGKeys}},
	{key: "zones.memory", kind: kindSize, min: 1 << 20, max: 1 << 40,
		help: "bytes that all copies of zones may take; the root's takes 3 MB; a 32nd of " +
			"memory.total without another figure",
		binding: bind(func(c *Config) *int64 { return &c.Secondary.Octets })},
}
