#!/bin/sh
# Follows a stream with curl and prints id and data, with a tab between them.
# usage: curl.sh URL LAST_EVENT_ID FILE; FILE keeps the id
printf '%s' "$2" >"$3"
while sleep 0.01; do
	curl -sN -G --data-urlencode "lastEventId=$(cat "$3")" "$1" | {
		id= data=
		while IFS= read -r line; do
			case $line in
			"id: "*) id=${line#id: } ;;
			"data: "*) data=${line#data: } ;;
			"")
				[ -z "$data" ] || printf '%s\t%s\n' "$id" "$data"
				[ -z "$id" ] || printf '%s' "$id" >"$3"
				data=
				;;
			esac
		done
	}
done
