// A list of accounts.
import React, { useState } from "react";

interface Props {
  owner: string;
  onPick?: (owner: string) => void;
}

const LABELS = { open: "open", closed: "closed" };

function Row({ owner, onPick }: Props) {
  const [open, setOpen] = useState<boolean>(false);
  const toggle = () => {
    setOpen(!open);
    onPick?.(owner);
  };
  return (
    <li className="row" onClick={toggle}>
      {owner}: {open ? LABELS.open : LABELS.closed}
    </li>
  );
}

export const List: React.FC<{ rows: Props[] }> = ({ rows }) => {
  const shown = rows.filter((row) => row.owner.length > 0);
  return (
    <ul>
      {shown.map((row) => (
        <Row key={row.owner} {...row} />
      ))}
      <Empty.Hint text="none" />
    </ul>
  );
};

class Empty extends React.Component<Props> {
  static Hint = ({ text }: { text: string }) => <b>{text}</b>;

  render() {
    const { owner } = this.props;
    return <p>{owner}</p>;
  }
}
