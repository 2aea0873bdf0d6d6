// Limits: amounts that the makers of catalogs can influence.

package catalog

const (
	// MaxCatalogs is how many catalogs there may be.
	MaxCatalogs = 16
	// maxMembers is how many members all catalogs together may have: each policy zone is looked at
	// for each question that is not answered from memory.
	maxMembers = 256
	// maxGroups is how many groups of a member are looked at.
	maxGroups = 16
)
