/* tables.c
 * Statistics > TCP Handshake Servers and TCP Handshake Connections; -z
 * tcphs,servers and -z tcphs,connections.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "../shim.h"

#include <string.h>

#include <epan/stat_tap_ui.h>
#include <epan/tap.h>

/* Wireshark's callbacks get ui or one of its tables, which are parts of this. */
typedef struct {
    tcphs_gathering gathering;
    stat_tap_table_ui ui;
    stat_tap_table_item fields[TCPHS_MAX_COLUMNS];
    const tcphs_column *columns;
    uint8_t kind;
    /* Rows that a window may still show, although the table was reset. */
    GPtrArray *retired;
    /* The line that tshark prints between the titles and the rows. */
    char *line;
} statistic_table;

static statistic_table tables[2];

static const char *
cell_text(const tcphs_row *row, size_t column)
{
    uint32_t place = row->cells[column].text;

    return place == TCPHS_NO_TEXT ? "" : (const char *)row->text + place;
}

static bool
has_text(const statistic_table *table, size_t column)
{
    return table->fields[column].type == TABLE_ITEM_STRING;
}

static void
free_row(statistic_table *table, stat_tap_table_item_type *row)
{
    for (size_t i = 0; i < table->ui.nfields; i++) {
        if (has_text(table, i))
            g_free((char *)row[i].value.string_value);
    }
}

static stat_tap_table *
rows_of(const statistic_table *table)
{
    return g_array_index(table->ui.tables, stat_tap_table *, 0);
}

static void
show(tcphs_gathering *gathering, uint32_t nth, const tcphs_row *row)
{
    statistic_table *table = (void *)gathering;
    stat_tap_table_item_type fields[TCPHS_MAX_COLUMNS];

    /* The window is closed. */
    if (!table->ui.tables || table->ui.tables->len == 0)
        return;
    memset(fields, 0, sizeof fields);
    for (size_t i = 0; i < table->ui.nfields; i++) {
        fields[i].type = table->fields[i].type;
        if (has_text(table, i)) {
            char *text = g_strdup(cell_text(row, i));

            /* In tshark, fit() makes columns wide enough. */
            fields[i].value.string_value = tcphs_is_tshark() ? g_strchug(text) : text;
        } else {
            fields[i].value.uint_value = row->cells[i].count;
        }
    }
    if (nth < rows_of(table)->num_elements)
        free_row(table, rows_of(table)->elements[nth]);
    stat_tap_init_table_row(rows_of(table), nth, (unsigned)table->ui.nfields, fields);
}

/* The width of a cell without padding. */
static size_t
width_of(const statistic_table *table, size_t column, const stat_tap_table_item_type *cell)
{
    char text[64];

    if (has_text(table, column))
        return strlen(cell->value.string_value);
    return (size_t)snprintf(text, sizeof text, "%u", cell->value.uint_value);
}

/* Titles and formats, with columns of at least the given width. */
static void
set_columns(statistic_table *table, const size_t *widths)
{
    for (size_t i = 0; i < table->ui.nfields; i++) {
        stat_tap_table_item *field = &table->fields[i];
        const tcphs_column *column = &table->columns[i];
        const char *left = column->kind == TCPHS_COLUMN_TEXT ? "-" : "";
        const char *conversion = column->kind == TCPHS_COLUMN_COUNT ? "u" : "s";

        g_free((char *)field->column_name);
        g_free((char *)field->field_format);
        if (widths) {
            int width = *left ? -(int)widths[i] : (int)widths[i];

            field->column_name = g_strdup_printf("%*s", width, column->title);
            field->field_format = g_strdup_printf("%%%s%zu%s", left, widths[i], conversion);
        } else {
            field->column_name = g_strdup(column->title);
            field->field_format = g_strdup_printf("%%%s", conversion);
        }
    }
}

/* tshark prints the texts as they are, so they need a common width. */
static void
fit(tcphs_gathering *gathering)
{
    statistic_table *table = (void *)gathering;
    size_t widths[TCPHS_MAX_COLUMNS];
    size_t sum = 0;

    if (!tcphs_is_tshark() || !table->ui.tables || table->ui.tables->len == 0)
        return;
    for (size_t i = 0; i < table->ui.nfields; i++) {
        widths[i] = strlen(table->columns[i].title);
        for (unsigned row = 0; row < rows_of(table)->num_elements; row++)
            widths[i] = MAX(widths[i], width_of(table, i, &rows_of(table)->elements[row][i]));
        /* " |" follows. */
        sum += widths[i] + 2;
    }
    set_columns(table, widths);
    g_free(table->line);
    table->line = g_strnfill(sum, '-');
    rows_of(table)->title = table->line;
}

static void
free_retired(statistic_table *table)
{
    for (unsigned i = 0; i < table->retired->len; i++) {
        stat_tap_table_item_type *row = g_ptr_array_index(table->retired, i);

        free_row(table, row);
        g_free(row);
    }
    g_ptr_array_set_size(table->retired, 0);
}

static void
retire_rows(statistic_table *table)
{
    stat_tap_table *rows = rows_of(table);

    for (unsigned i = 0; i < rows->num_elements; i++)
        g_ptr_array_add(table->retired, rows->elements[i]);
    g_free(rows->elements);
    rows->elements = NULL;
    rows->num_elements = 0;
}

static statistic_table *
table_around(const stat_tap_table_ui *ui)
{
    return &tables[ui == &tables[1].ui];
}

static void
init(stat_tap_table_ui *ui)
{
    statistic_table *table = table_around(ui);

    /* No other window shows the rows. */
    if (ui->refcount <= 1)
        free_retired(table);
    if (ui->tables && ui->tables->len > 0)
        retire_rows(table);
    else
        stat_tap_add_table(ui, stat_tap_init_table("", (int)ui->nfields, 0, NULL));
    tcphs_gathering_start(&table->gathering, table->kind);
}

static void
reset(stat_tap_table *rows)
{
    for (size_t i = 0; i < array_length(tables); i++) {
        if (tables[i].ui.tables && tables[i].ui.tables->len > 0 && rows_of(&tables[i]) == rows) {
            retire_rows(&tables[i]);
            tcphs_gathering_start(&tables[i].gathering, tables[i].kind);
        }
    }
}

static void
free_item(stat_tap_table *rows, unsigned row, unsigned column, stat_tap_table_item_type *item)
{
    /* Only texts were allocated here. */
    if (item->type == TABLE_ITEM_STRING) {
        g_free((char *)item->value.string_value);
        item->value.string_value = NULL;
    }
}

static tap_packet_status
packet(void *data, packet_info *pinfo, epan_dissect_t *edt, const void *tapped, tap_flags_t flags)
{
    const stat_data_t *statistics = data;

    tcphs_gathering_see(&table_around(statistics->stat_tap_data)->gathering, tapped);
    return TAP_PACKET_REDRAW;
}

/* FALSE if that fails. */
static bool
register_table(statistic_table *table, uint8_t kind, const char *title, const char *cli_string)
{
    size_t count;

    table->kind = kind;
    table->columns = tcphs_statistics_columns(kind, &count);
    if (!table->columns) {
        tcphs_report_failure("tables of statistics are missing");
        return false;
    }
    table->gathering.show = show;
    table->gathering.fit = fit;
    table->retired = g_ptr_array_new();
    for (size_t i = 0; i < count; i++) {
        stat_tap_table_item *field = &table->fields[i];

        field->type = table->columns[i].kind == TCPHS_COLUMN_COUNT ? TABLE_ITEM_UINT
                                                                   : TABLE_ITEM_STRING;
        field->align = table->columns[i].kind == TCPHS_COLUMN_TEXT ? TAP_ALIGN_LEFT
                                                                   : TAP_ALIGN_RIGHT;
    }
    table->ui.nfields = count;
    table->ui.fields = table->fields;
    set_columns(table, NULL);
    table->ui.group = REGISTER_PACKET_STAT_GROUP_UNSORTED;
    table->ui.title = title;
    table->ui.tap_name = TCPHS_TAP;
    table->ui.cli_string = cli_string;
    table->ui.stat_tap_init_cb = init;
    table->ui.packet_func = packet;
    table->ui.stat_tap_reset_table_cb = reset;
    table->ui.stat_tap_free_table_item_cb = free_item;
    register_stat_tap_table_ui(&table->ui);
    return true;
}

void
tcphs_tables_register(void)
{
    if (!register_table(&tables[0], TCPHS_STATISTICS_SERVERS,
                        "TCP Handshake Servers", "tcphs,servers"))
        return;
    register_table(&tables[1], TCPHS_STATISTICS_CONNECTIONS,
                   "TCP Handshake Connections", "tcphs,connections");
}
