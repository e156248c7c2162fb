package conf

// Changes lists the keys outside of [streams] that differ between two
// configurations, such as "server.retry", in the order of the file; "server.tls"
// where a whole table came or went. Secrets are compared by where they come from.
func Changes(old, new *Config) []string {
	return changes("", schema(old), schema(new))
}

func changes(path string, a, b section) (list []string) {
	if a.absent != b.absent {
		return []string{path}
	}
	if a.absent {
		return nil
	}
	within := func(name string) string {
		if path == "" {
			return name
		}
		return path + "." + name
	}
	for i, k := range a.keys {
		if k.toml() != b.keys[i].toml() {
			list = append(list, within(k.name))
		}
	}
	for i, t := range a.tables {
		list = append(list, changes(within(t.name), t, b.tables[i])...)
	}
	return list
}
