export const mysqlTable = (name: string, columns: string): string =>
  `CREATE TABLE IF NOT EXISTS ${name} (${columns}) ENGINE=InnoDB ROW_FORMAT=DYNAMIC CHARACTER SET ascii COLLATE ascii_bin`
