/** `a` and `us-east-1a` both name the zone `us-east-1a`. */
export const zoneName = (region: string, zone: string): string =>
  /^[a-z]$/.test(zone) ? `${region}${zone}` : zone;

export const isZoneOf = (region: string, zone: string): boolean =>
  zone.length === region.length + 1 && zone.startsWith(region) && /[a-z]$/.test(zone);
