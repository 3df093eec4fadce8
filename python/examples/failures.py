"""Prints which servers of captures fail, and how, and explains the first failure.

    python failures.py CAPTURE...
"""

import sys

import tcphs


def main(captures):
    rows = tcphs.connections(*captures).to_pandas()
    failed = rows[rows["failed"]]
    print(f"{len(failed)} of {len(rows)} connections failed")
    if failed.empty:
        return
    by = failed.groupby(["server_addr", "server_port", "outcome"], observed=True)
    table = by.agg(failed=("conn", "size"), clients=("client_addr", "nunique"), first=("first_ns", "min"))
    table["first"] = table["first"].dt.strftime("%Y-%m-%d %H:%M:%S")
    print(table.sort_values(["failed", "first"], ascending=[False, True]).reset_index().to_string(index=False))
    print()
    print(tcphs.explain(*captures, conn=int(failed["conn"].min())))


if __name__ == "__main__":
    try:
        main(sys.argv[1:] or sys.exit(__doc__))
    except (OSError, tcphs.CaptureError) as error:
        sys.exit(f"failures.py: {error}")
