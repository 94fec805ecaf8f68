/* SPDX-License-Identifier: BSD-3-Clause */
// The live screen of orrery top.
#include <curses.h>
#include <string.h>
#include <unistd.h>

#include "top.h"

#define REFRESH_MS 1000
#define ROWS_MAX 500

static const char keys_line[] =
        "l links  p ports  n nodes  t by traffic  d by drops  s stop/go  q quit";

struct screen {
	bool stopped;
	bool quit;
	json_t *page; // last sample, NULL at the start
};

static void draw(const struct screen *screen, const struct top_query *query)
{
	char line[TOP_LINE_SIZE];
	int rows = getmaxy(stdscr), columns = getmaxx(stdscr);

	erase();
	for (int y = 0; y < rows - 1 && screen->page != NULL; y++) {
		if (!top_line(screen->page, query, (size_t)y, columns, line))
			break;
		if (y == TOP_HEAD_LINES - 1)
			attron(A_REVERSE);
		mvaddstr(y, 0, line);
		// the bar of titles spans the screen
		for (int x = (int)strlen(line); y == TOP_HEAD_LINES - 1 && x < columns; x++)
			addch(' ');
		attroff(A_REVERSE);
	}
	if (rows > 1) {
		attron(A_DIM);
		mvaddnstr(rows - 1, 0, screen->stopped ? "stopped: s goes on" : keys_line,
		        columns - 1);
		attroff(A_DIM);
	}
	refresh();
}

// True when the page shown is no longer what was asked for.
static bool take_key(struct screen *screen, struct top_query *query, int key)
{
	switch (key) {
	case 'q':
	case 27: // escape
		screen->quit = true;
		return false;
	case 's':
	case ' ':
		screen->stopped = !screen->stopped;
		return !screen->stopped;
	case 'l':
		query->what = "links";
		return true;
	case 'p':
		query->what = "ports";
		return true;
	case 'n':
		query->what = "nodes";
		return true;
	case 't':
		query->by = "traffic";
		return true;
	case 'd':
		query->by = "drops";
		return true;
	default:
		return false;
	}
}

static enum cli_exit sample(struct cli *cli, struct screen *screen, const struct top_query *query)
{
	struct top_query fitting = *query;
	int rows = getmaxy(stdscr) - TOP_HEAD_LINES - 1;
	json_t *page;

	if (query->limit == 0)
		fitting.limit = rows < 1 ? 1 : rows > ROWS_MAX ? ROWS_MAX : (size_t)rows;
	enum cli_exit code = top_fetch(cli, &fitting, &page);

	if (code != CLI_OK)
		return code;
	json_decref(screen->page);
	screen->page = page;
	return CLI_OK;
}

static enum cli_exit run(struct cli *cli, struct top_query *query)
{
	struct screen screen = {0};
	enum cli_exit code = sample(cli, &screen, query);

	while (code == CLI_OK && !screen.quit) {
		draw(&screen, query);
		int key = getch(); // waits for REFRESH_MS

		// a key that changes the question is answered at once
		if (key == ERR ? !screen.stopped
		               : take_key(&screen, query, key) || key == KEY_RESIZE)
			code = sample(cli, &screen, query);
	}
	json_decref(screen.page);
	return code;
}

enum cli_exit top_screen_run(struct cli *cli, struct top_query *query)
{
	char error[512] = "";
	struct client *client;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return cli_failf(cli, "this is no terminal; --once prints one page of text");
	// before the screen is taken: what is wrong with the connection stays readable
	if (cli_client(cli, &client) != CLI_OK)
		return CLI_FAILED;
	SCREEN *screen = newterm(NULL, stdout, stdin);

	if (screen == NULL)
		return cli_failf(cli, "this terminal is unknown to curses ($TERM); --once prints "
		                      "one page of text");
	cbreak();
	noecho();
	curs_set(0);
	keypad(stdscr, TRUE);
	set_escdelay(25);
	timeout(REFRESH_MS);
	FILE *err = cli->err, *held = fmemopen(error, sizeof(error) - 1, "w");

	cli->err = held != NULL ? held : err;
	enum cli_exit code = run(cli, query);

	endwin();
	delscreen(screen);
	cli->err = err;
	if (held != NULL)
		fclose(held);
	fputs(error, cli->err);
	return code;
}
